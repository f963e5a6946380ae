import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGaps, encodeGaps, gapsSizeBytes } from '../../src/patch/leb128.ts';
import { failure } from '../data/failure.ts';

const ascending = fc
  .uniqueArray(fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat(), fc.integer({ min: 2 ** 31, max: 2 ** 33 })))
  .map((indices) => Float64Array.from(indices).sort());

describe('encodeGaps and decodeGaps', () => {
  // 624485 = 0x26 · 2^14 + 0x0e · 2^7 + 0x65 is the example of the DWARF standard's appendix on LEB128.
  it.each<[number[], string]>([
    [[], ''],
    [[0], '00'],
    [[127], '7f'],
    [[128], '8001'],
    [[624485], 'e58e26'],
    [[3, 4, 150], '03019201'],
    [[0, 1, 129, 130], '0001800101'],
    [[2 ** 53 - 1], 'ffffffffffffff0f'],
    [[2 ** 32, 2 ** 33], '80808080108080808010'],
  ])('write %j as %s', (indices, hex) => {
    const bytes = encodeGaps(indices, 'w');
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    expect(decodeGaps(bytes, 'w')).toEqual(Float64Array.from(indices));
  });

  it('restore every list of indices, and foretell its size', () => {
    fc.assert(
      fc.property(ascending, (indices) => {
        const bytes = encodeGaps(indices, 'w');
        expect(decodeGaps(bytes, 'w')).toEqual(indices);
        expect(gapsSizeBytes(indices)).toBe(bytes.length);
      }),
    );
  });

  it('know no two encodings of the same indices', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        let indices: Float64Array;
        try {
          indices = decodeGaps(bytes, 'w');
        } catch {
          expect(failure(() => decodeGaps(bytes, 'w'))).toMatch(/^input\/patch: w: /);
          return;
        }
        expect(encodeGaps(indices, 'w')).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, string]>([
    ['80', 'expected whole gaps, got a last one that is cut short'],
    ['01ff', 'expected whole gaps, got a last one that is cut short'],
    ['8000', 'expected gaps in their shortest form, got one that ends in a zero byte'],
    ['0500', 'expected ascending indices, got 5 twice'],
    ['0000', 'expected ascending indices, got 0 twice'],
    ['ffffffffffffff10', 'expected indices below 2^53, got a larger one'],
    ['ffffffffffffff0f01', 'expected indices below 2^53, got a larger one'],
    ['ffffffffffffffff01', 'expected gaps of at most 8 bytes, got a longer one'],
    ['808080808080808080', 'expected gaps of at most 8 bytes, got a longer one'],
  ])('refuse the bytes %s', (hex, message) => {
    expect(failure(() => decodeGaps(Buffer.from(hex, 'hex'), 'w'))).toBe(`input/patch: w: ${message}`);
  });

  it.each<[number[], string]>([
    [[-1], 'expected ascending indices from 0 on, got -1 after -1'],
    [[2, 2], 'expected ascending indices from 0 on, got 2 after 2'],
    [[3, 1], 'expected ascending indices from 0 on, got 1 after 3'],
    [[0.5], 'expected indices that are integers below 2^53, got 0.5'],
    [[2 ** 53], 'expected indices that are integers below 2^53, got 9007199254740992'],
  ])('refuse the indices %j', (indices, message) => {
    expect(failure(() => encodeGaps(indices, 'w'))).toBe(`input/patch: w: ${message}`);
  });
});
