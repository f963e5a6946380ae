import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import { beginRun } from '../../src/training/begin-run.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { denseGradient } from '../../src/training/gradient.ts';
import { fromTopDown, groupsUpTo, sharedByGroups } from '../../src/training/gradient-groups.ts';
import type { RunReport } from '../../src/training/run-report.ts';
import { environment, model, task } from './tiny-task.ts';

/** No two matrices of the model together. */
const gradientBytes = 1000;

/** The most in any phase. */
function memoryOfGradients({ phases }: RunReport): number {
  return Math.max(...phases.map(({ memory }) => memory.gradients));
}

test('gradients of groups are those that come at once, to the bit', async () => {
  const { run } = await beginRun(model, task, { gradientBytes, batchSize: 4 }, environment, {});
  const names = [...run.prepared.weights.keys()];
  const all = new Map(names.map((name) => [name, 'all'] as const));
  const groups = run.passes.gradientGroups(names);
  expect(groups.length).toBeGreaterThan(20);
  const place = sharedByGroups(groups, run.passes.denseSizes(names));
  const [atOnce, inGroups] = [run.passes.gradients(all), run.passes.gradients(all, place, groups)];
  const [batch] = run.batches(1);
  const loss = await run.computeGradients(batch!, atOnce);

  const taken = new Map<string, Float32Array>();
  await run.computeGradients(batch!, inGroups, async (gradients, lossOfBatch) => {
    expect(lossOfBatch).toBe(loss);
    for (const [name, gradient] of gradients) {
      const weights = run.dataOf(name);
      taken.set(name, denseGradient(gradient, weights.length).slice());
      // What comes later must not read it any more.
      weights.fill(Number.NaN);
    }
  });
  expect([...taken.keys()].sort()).toEqual(names.sort());
  for (const [name, values] of taken) {
    const expected = denseGradient(atOnce.gradients.get(name)!, values.length);
    expect(values.some((value) => value !== 0) || name.endsWith('key.bias'), name).toBe(true);
    expect(values, name).toEqual(expected);
  }
  await atOnce.release();
  await inGroups.release();
  await run.release();
});

test.each<[string, TrainOptions]>([
  ['a warm-up', {}],
  ['a refinement', { epochs: 4, refine: { every: 2, probeBatches: 2 } }],
  ['a warm-up in slices', { warmup: { slices: 2, update: 'none' } }],
  ['full fine-tuning', { method: 'full', clipNorm: null }],
])('%s with gradients in groups ends with the same patch', async (_, options) => {
  const patchOf = async (more: TrainOptions) => {
    const given = { epochs: 2, batchSize: 4, lr: 1e-2, seed: 3, ...options, ...more };
    const { patch, report } = await fineTune(model, task, given, environment);
    return { bytes: encodePatch(patch), memory: memoryOfGradients(report) };
  };
  const atOnce = await patchOf({ gradientBytes: null });
  const inGroups = await patchOf({ gradientBytes });
  expect(inGroups.bytes).toEqual(atOnce.bytes);
  expect(inGroups.memory).toBeLessThan(0.5 * atOnce.memory);
});

test.each<[string, TrainOptions]>([
  ['clipping, which needs the norm of all', { method: 'full' }],
  ['parts of a batch, which add to them', { microBatch: 2 }],
  ['curvature, for which they come twice', { score: { kind: 'grasp' } }],
])('gradients come at once for %s', async (_, options) => {
  const memoryOf = async (more: TrainOptions) => {
    const given = { epochs: 2, batchSize: 4, ...options, ...more };
    const { report } = await fineTune(model, task, given, environment);
    return memoryOfGradients(report);
  };
  expect(await memoryOf({ gradientBytes })).toBe(await memoryOf({ gradientBytes: null }));
});

test('tensors are in the order of backpropagation, by where they first meet what is fed', () => {
  const builder = new GraphBuilder();
  for (const name of ['x', 'first', 'transposed', 'both', 'last', 'unread']) {
    builder.input({ name, dtype: 'float32', shape: [2, 2] });
  }
  // As exporters write it: what is made of weights alone comes before all else.
  const other = builder.op('Transpose', ['transposed']);
  const both = builder.op('Mul', [builder.op('MatMul', ['x', 'first']), 'both']);
  const upper = builder.op('Add', [builder.op('MatMul', [both, other]), 'both']);
  builder.op('MatMul', [upper, 'last']);
  const names = ['both', 'first', 'last', 'transposed', 'unread'];
  expect(fromTopDown(builder.build('g', []), names)).toEqual([
    'last',
    'transposed',
    'both',
    'first',
    'unread',
  ]);
});

test('groups hold no more than they may, but for a tensor that is larger', () => {
  const sizes = new Map(Object.entries({ a: 3, b: 4, c: 20, d: 0, e: 7, f: 3 }));
  expect(groupsUpTo([...sizes.keys()], sizes, 10)).toEqual([
    ['a', 'b'],
    ['c', 'd'],
    ['e', 'f'],
  ]);
  expect(groupsUpTo([], sizes, 10)).toEqual([]);
});
