import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTensors } from '../../src/patch/diff.ts';
import { patchInfo } from '../../src/patch/info.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import { float32, fromBytes, int64, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { bits } from '../safetensors/bits.ts';
import { modelPairs } from './arbitraries.ts';
import { base, metadata, tuned } from './worked-example.ts';

const { selected: _selected, ratio: _ratio, ...uncounted } = metadata;

function words(...bits: number[]): Tensor {
  return fromBytes('float32', [bits.length], new Uint8Array(Uint32Array.from(bits).buffer));
}

describe('diffTensors', () => {
  it('compares bits, so that 0 and −0 and two NaNs differ, but not equal NaNs', () => {
    const zeros = Array.from({ length: 20 }, () => 0);
    const before = words(0, 0x7fc00000, 0x7fc00000, 0x7f800001, ...zeros);
    const after = words(0x80000000, 0x7fc00000, 0x7fc00001, 0x7fa00001, ...zeros);
    const update = diffTensors(new Map([['w', before]]), new Map([['w', after]]), metadata).tensors.get('w')!;
    if (update.kind !== 'sparse') throw new Error('expected a sparse update');
    expect([...update.indices]).toEqual([0, 2, 3]);
    expect(bits(update.values)).toBe('float32[3] 000000800100c07f0100a07f');
  });

  it('compares numbers of 8 bytes by both halves', () => {
    const before = int64([6], [1, 2, 3, 4, 5, 6]);
    const after = int64([6], [1, 2 + 2 ** 40, 3, -4, 5, 6]);
    const update = diffTensors(new Map([['ids', before]]), new Map([['ids', after]]), metadata).tensors.get(
      'ids',
    )!;
    if (update.kind !== 'sparse') throw new Error('expected a sparse update');
    expect([...update.indices]).toEqual([1, 3]);
    expect(update.values.data).toEqual(BigInt64Array.of(2n + 2n ** 40n, -4n));
  });

  it('writes a tensor whole as soon as that takes no more bytes', () => {
    const changing = (count: number): string => {
      const data = Float32Array.from({ length: 10 }, (_, i) => (i < count ? 1 : 0));
      const after = new Map([['w', float32([10], data)]]);
      const before = new Map([['w', float32([10], new Float32Array(10))]]);
      return diffTensors(before, after, metadata).tensors.get('w')?.kind ?? 'none';
    };
    // Whole: 40 bytes; sparse: 5 for each change.
    expect([0, 1, 7, 8, 10].map(changing)).toEqual(['none', 'sparse', 'sparse', 'dense', 'dense']);
  });

  it('counts what changes unless told', () => {
    const { metadata: counted, removed } = diffTensors(base, tuned, uncounted);
    expect([counted.selected, counted.ratio]).toEqual([5, 5 / 202]);
    expect(removed).toEqual([]);
    expect(diffTensors(base, tuned, metadata).metadata).toEqual(metadata);
  });

  it('lists tensors that the tuned model lacks', () => {
    expect(diffTensors(tuned, base, metadata).removed).toEqual(['classifier.bias']);
  });

  it('refuses a tensor of another type', () => {
    const half = new Map<string, Tensor>([['scale.values', fromBytes('float16', [2], new Uint8Array(4))]]);
    expect(failure(() => diffTensors(base, half, metadata))).toBe(
      'input/patch: tensor "scale.values": expected the base\'s type, bfloat16, got float16. Convert one of the ' +
        'models: a patch replaces values of one type by values of the same.',
    );
  });
});

describe('patchInfo', () => {
  it('lists each tensor, with its share where the base tells its size', () => {
    const patch = { ...diffTensors(base, tuned, metadata), removed: ['pooler'] };
    expect(patchInfo(patch, base)).toEqual([
      { name: 'encoder.weight', kind: 'sparse', dtype: 'float32', changed: 3, share: 0.015, sizeBytes: 16 },
      { name: 'scale.values', kind: 'dense', dtype: 'bfloat16', changed: 2, share: 1, sizeBytes: 4 },
      { name: 'classifier.bias', kind: 'dense', dtype: 'float32', changed: 2, share: 1, sizeBytes: 8 },
      { name: 'pooler', kind: 'removed', dtype: undefined, changed: 0, share: 1, sizeBytes: 0 },
    ]);
    expect(patchInfo(patch)[0]!.share).toBe(undefined);
  });

  it('accounts for every byte of the data in the file', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const patch = diffTensors(base, tuned, metadata);
        const bytes = encodePatch(patch);
        const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
        const listed = patchInfo(patch, base).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        expect(8 + headerBytes + listed).toBe(bytes.length);
      }),
    );
  });
});
