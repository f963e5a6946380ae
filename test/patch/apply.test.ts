import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch, revertPatch, swapIn } from '../../src/patch/apply.ts';
import { cloneTensor } from '../../src/patch/bits.ts';
import { diffTensors } from '../../src/patch/diff.ts';
import { baseSha256 } from '../../src/patch/hash.ts';
import { type Changes, decodePatch, encodePatch, type Patch } from '../../src/patch/patch.ts';
import { bytesOf, bytesPerElement, float32, fromBytes, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { bitsByName } from '../safetensors/bits.ts';
import { modelPairs } from './arbitraries.ts';
import { createSha256 } from './sha256.ts';
import { metadata } from './worked-example.ts';

function patchOf(base: ReadonlyMap<string, Tensor>, tuned: ReadonlyMap<string, Tensor>): Patch {
  const patch = diffTensors(base, tuned, { ...metadata, baseSha256: baseSha256(base, createSha256) });
  return decodePatch(encodePatch(patch), 'p');
}

function copy(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, cloneTensor(tensor)]));
}

describe('applyPatch', () => {
  it('gives the tuned model to the bit, and leaves the base as it was', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const before = bitsByName(base);
        const { tensors } = applyPatch(base, patchOf(base, tuned), { createSha256 });
        expect(bitsByName(tensors)).toEqual(bitsByName(tuned));
        expect(bitsByName(base)).toEqual(before);
      }),
    );
  });

  it('leaves every element that the patch does not name bit-identical', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const patch = patchOf(base, tuned);
        const { tensors } = applyPatch(base, patch, { createSha256 });
        for (const [name, update] of patch.tensors) {
          if (update.kind === 'dense') continue;
          const before = base.get(name)!;
          const width = bytesPerElement(before.dtype);
          const element = (tensor: Tensor, i: number): string =>
            Buffer.from(bytesOf(tensor).subarray(i * width, (i + 1) * width)).toString('hex');
          const named = new Set(update.indices);
          for (const i of before.data.keys()) {
            if (!named.has(i)) expect(element(tensors.get(name)!, i)).toBe(element(before, i));
          }
        }
      }),
    );
  });

  it('shares the tensors that do not change', () => {
    const same = float32([2], [1, 2]);
    const base = new Map([
      ['same', same],
      ['w', float32([9], new Float32Array(9))],
    ]);
    const tuned = new Map([...base, ['w', float32([9], [0, 0, 5, 0, 0, 0, 0, 0, 0])]]);
    const { tensors } = applyPatch(base, patchOf(base, tuned), { createSha256 });
    expect(tensors.get('same')).toBe(same);
  });

  it('refuses another base, and names both', () => {
    const base = new Map([['w', float32([2], [0, 1])]]);
    const other = new Map([['w', float32([2], [-0, 1])]]);
    const patch = patchOf(base, new Map([['w', float32([2], [2, 1])]]));
    expect(failure(() => applyPatch(other, patch, { createSha256 }))).toBe(
      `input/patch-base: base of the patch: expected "example/base" with sha256 ${baseSha256(base, createSha256)}, ` +
        `got sha256 ${baseSha256(other, createSha256)}. Use the very model that the patch was made from: ` +
        'the same revision, element type and tensor names.',
    );
  });
});

describe('revertPatch', () => {
  it('restores the base to the bit, from an undo patch that went through a file', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const { tensors, undo } = applyPatch(base, patchOf(base, tuned), { createSha256 });
        const restored = revertPatch(tensors, decodePatch(encodePatch(undo), 'undo'), { createSha256 });
        expect(bitsByName(restored)).toEqual(bitsByName(base));
        expect(baseSha256(restored, createSha256)).toBe(baseSha256(base, createSha256));
      }),
    );
  });

  it('refuses a model that the undo patch was not given with', () => {
    const base = new Map([['w', float32([2], [0, 1])]]);
    const patch = patchOf(base, new Map([['w', float32([2], [2, 1])]]));
    const { undo } = applyPatch(base, patch, { createSha256 });
    expect(failure(() => revertPatch(base, undo, { createSha256 }))).toMatch(
      /^input\/patch-base: base of the patch: expected "example\/base with its patch" with sha256 /,
    );
  });
});

describe('swapIn', () => {
  it('gives the merged model in place, and the base again when its result is swapped in', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const patch = patchOf(base, tuned);
        const loaded = copy(base);
        const previous = swapIn(loaded, patch);
        expect(bitsByName(loaded)).toEqual(bitsByName(applyPatch(base, patch, { createSha256 }).tensors));
        swapIn(loaded, previous);
        expect(bitsByName(loaded)).toEqual(bitsByName(base));
      }),
    );
  });

  it('writes into the memory of the loaded tensor', () => {
    const tensor = float32([4], [1, 2, 3, 4]);
    const update = {
      kind: 'sparse',
      indices: Float64Array.of(1, 3),
      values: float32([2], [-2, -4]),
    } as const;
    swapIn(new Map([['w', tensor]]), { tensors: new Map([['w', update]]), removed: [] });
    expect(tensor.data).toEqual(Float32Array.of(1, -2, 3, -4));
  });

  const sparse = (indices: number[], values: Tensor): Changes['tensors'] =>
    new Map([['layer.weight', { kind: 'sparse', indices: Float64Array.from(indices), values }]]);
  const half = fromBytes('float16', [1], new Uint8Array(2));
  it.each<[string, Changes, string]>([
    [
      'an index past the end',
      { tensors: sparse([3, 4], float32([2], [0, 0])), removed: [] },
      'tensor "layer.weight": expected indices below 4, the size of float32[2, 2], got 4',
    ],
    [
      'indices that do not ascend',
      { tensors: sparse([1, 1], float32([2], [0, 0])), removed: [] },
      'tensor "layer.weight": expected ascending indices from 0 on, got 1 after 1',
    ],
    [
      'more indices than values',
      { tensors: sparse([1, 2], float32([1], [0])), removed: [] },
      'tensor "layer.weight": expected as many values as indices, 2, got float32[1]',
    ],
    [
      'values of another type',
      { tensors: sparse([1], half), removed: [] },
      'tensor "layer.weight": expected the base\'s type, float32, got float16',
    ],
    [
      'a whole tensor of another type',
      { tensors: new Map([['layer.weight', { kind: 'dense', tensor: half }]]), removed: [] },
      'tensor "layer.weight": expected the base\'s type, float32, got float16',
    ],
    [
      'a sparse update of a missing tensor',
      {
        tensors: new Map([
          ['layer.wieght', { kind: 'sparse', indices: Float64Array.of(0), values: float32([1], [0]) }],
        ]),
        removed: [],
      },
      'tensor "layer.wieght": expected a tensor of the base, got none of that name. ' +
        'Did you mean "layer.weight"?',
    ],
    [
      'the removal of a missing tensor',
      { tensors: sparse([0], float32([1], [9])), removed: ['pooler'] },
      'tensor "pooler": expected a tensor of the base, got none of that name. Known: layer.weight.',
    ],
  ])('refuses %s before it writes anything', (_, changes, message) => {
    const loaded = new Map([['layer.weight', float32([2, 2], [1, 2, 3, 4])]]);
    const before = bitsByName(loaded);
    expect(failure(() => swapIn(loaded, changes))).toBe(`input/patch: ${message}`);
    expect(bitsByName(loaded)).toEqual(before);
  });
});
