import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchange } from '../../src/patch/apply.ts';
import { diffTensors } from '../../src/patch/diff.ts';
import { comparePatches, mergePatches } from '../../src/patch/merge.ts';
import type { Patch } from '../../src/patch/patch.ts';
import { float32, fromBytes, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { bits } from '../safetensors/bits.ts';
import { metadata } from './worked-example.ts';

const SIZE = 40;
/** New values by index; some of few, so that patches often agree and often do not. */
const changes = fc.dictionary(fc.nat(SIZE - 1).map(String), fc.constantFrom(1, 2, -0.5, 1e-3), {
  maxKeys: SIZE,
});
type Changes = Readonly<Record<string, number>>;

const names = ['a', 'b'] as const;
const base = new Map<string, Tensor>(
  names.map((name) => [name, float32([4, 10], new Float32Array(SIZE).fill(7))]),
);
const tunings = fc.record({ a: changes, b: changes });

/** The patch, by the code for differences: sparse where few elements change, whole where many do. */
function patchOf(tuning: Readonly<Record<(typeof names)[number], Changes>>): Patch {
  const tuned = new Map<string, Tensor>();
  for (const name of names) {
    const data = new Float32Array(SIZE).fill(7);
    for (const [index, value] of Object.entries(tuning[name])) data[Number(index)] = value;
    tuned.set(name, float32([4, 10], data));
  }
  return diffTensors(base, tuned, metadata);
}

const applied = (...patches: readonly Patch[]): string[] => {
  let tensors = new Map(base);
  for (const patch of patches) tensors = exchange(tensors, patch).tensors;
  return [...tensors].map(([name, tensor]) => `${name} ${bits(tensor)}`);
};
const merge = (patches: readonly Patch[], prefer: 'error' | 'first' | 'last' | 'mean') =>
  mergePatches(patches, { prefer, createdBy: 'test' });

describe('mergePatches', () => {
  it('preferring the last, does what all do one after another; the first, in the other order', () => {
    fc.assert(
      fc.property(fc.array(tunings, { minLength: 1, maxLength: 3 }), (all) => {
        const patches = all.map(patchOf);
        expect(applied(merge(patches, 'last').patch)).toEqual(applied(...patches));
        expect(applied(merge(patches, 'first').patch)).toEqual(applied(...patches.toReversed()));
      }),
    );
  });

  it('of patches without a common element is what both do in either order, whatever is preferred', () => {
    fc.assert(
      fc.property(tunings, fc.nat(SIZE), (tuning, split) => {
        const half = (keep: (index: number) => boolean): Changes =>
          Object.fromEntries(Object.entries(tuning.a).filter(([index]) => keep(Number(index))));
        const patches = [half((i) => i < split), half((i) => i >= split)].map((a) => sparse(a));
        for (const prefer of ['error', 'first', 'last', 'mean'] as const) {
          const { patch, overlaps } = merge(patches, prefer);
          expect(applied(patch)).toEqual(applied(...patches));
          expect(overlaps.reduce((sum, { shared }) => sum + shared, 0)).toBe(0);
        }
      }),
    );
  });

  it('counts what is shared and what conflicts', () => {
    fc.assert(
      fc.property(changes, changes, (left, right) => {
        const shared = Object.keys(left).filter((index) => Object.hasOwn(right, index));
        const conflicting = shared.filter((index) => left[index] !== right[index]);
        const [overlap] = comparePatches([sparse(left), sparse(right)]);
        expect(overlap).toEqual({
          name: 'a',
          shared: shared.length,
          conflicting: conflicting.length,
          incomparable: false,
        });
        if (conflicting.length > 0) {
          expect(failure(() => merge([sparse(left), sparse(right)], 'error'))).toContain(
            `conflicts in 1 tensor: a (${conflicting.length})`,
          );
        }
      }),
    );
  });

  it('takes means in the type of the tensor', () => {
    const one = (value: number): Patch => sparse({ 3: value });
    const { patch } = merge([one(1), one(2), one(-0.5)], 'mean');
    const update = patch.tensors.get('a')!;
    expect(update.kind === 'sparse' && update.values.data[0]).toBe(Math.fround(2.5 / 3));
    const half = (word: number): Patch => ({
      ...one(1),
      tensors: new Map([
        [
          'h',
          { kind: 'dense', tensor: fromBytes('float16', [1], new Uint8Array(Uint16Array.of(word).buffer)) },
        ],
      ]),
    });
    // 1 and 2 in float16; their mean is 0x3e00.
    const dense = merge([half(0x3c00), half(0x4000)], 'mean').patch.tensors.get('h')!;
    expect(dense.kind === 'dense' && bits(dense.tensor)).toBe('float16[1] 003e');
  });

  it('does not mix heads of different shapes', () => {
    const head = (labels: number): Patch => ({
      ...sparse({}),
      tensors: new Map([['head', { kind: 'dense', tensor: float32([labels], new Float32Array(labels)) }]]),
    });
    for (const prefer of ['error', 'mean'] as const) {
      expect(failure(() => merge([head(2), head(3)], prefer))).toContain('head (whole)');
    }
    const chosen = merge([head(2), head(3)], 'last').patch.tensors.get('head')!;
    expect(chosen.kind === 'dense' && chosen.tensor.shape).toEqual([3]);
    expect(merge([head(2), head(2)], 'error').overlaps[0]).toMatchObject({ shared: 2, conflicting: 0 });
  });

  it('refuses patches of different bases', () => {
    const other = { ...sparse({}), metadata: { ...metadata, baseSha256: '0'.repeat(64) } };
    expect(failure(() => merge([sparse({}), other], 'first'))).toMatch(/^input\/patch-base/);
  });
});

/** A patch that changes elements of tensor `a`, sparsely. */
function sparse(tuning: Changes): Patch {
  const indices = Object.keys(tuning)
    .map(Number)
    .sort((x, y) => x - y);
  const values = float32(
    [indices.length],
    indices.map((index) => tuning[index] ?? 0),
  );
  return {
    metadata,
    tensors: new Map([['a', { kind: 'sparse', indices: Float64Array.from(indices), values }]]),
    removed: [],
  };
}
