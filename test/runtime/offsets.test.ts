import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planOffsets } from '../../src/runtime/offsets.ts';

const blocks = fc.array(
  fc
    .record({ bytes: fc.integer({ min: 1, max: 1000 }), from: fc.nat(9), length: fc.nat(5) })
    .map(({ bytes, from, length }) => ({ bytes, from, to: from + length })),
  { maxLength: 30 },
);

test('blocks that are wanted at the same time do not overlap, and lie within the piece', () => {
  fc.assert(
    fc.property(blocks, (wanted) => {
      const { offsets, bytes } = planOffsets(wanted);
      for (const [i, a] of wanted.entries()) {
        const start = offsets[i]!;
        expect(start % 64).toBe(0);
        expect(start + a.bytes).toBeLessThanOrEqual(bytes);
        for (const [j, b] of wanted.slice(0, i).entries()) {
          const isTogether = a.from <= b.to && b.from <= a.to;
          const overlaps = start < offsets[j]! + b.bytes && offsets[j]! < start + a.bytes;
          expect(isTogether && overlaps).toBe(false);
        }
      }
    }),
  );
});

test('what is wanted one after another shares its place', () => {
  const { offsets, bytes } = planOffsets([
    { bytes: 640, from: 0, to: 1 },
    { bytes: 640, from: 2, to: 3 },
    { bytes: 64, from: 0, to: 3 },
  ]);
  expect(offsets).toEqual([0, 0, 640]);
  expect(bytes).toBe(704);
});
