import { expect, test } from 'vitest';
import { differentiate } from '../../../src/autodiff/differentiate.ts';
import { layerDepths } from '../../../src/methods/gspf/frontier.ts';
import { LOSS } from '../../../src/models/sequence-classification.ts';
import { specialize } from '../../../src/specialize/specialize.ts';
import { beginRun } from '../../../src/training/begin-run.ts';
import { fineTune } from '../../../src/training/fine-tune.ts';
import { environment, model, task } from '../../training/tiny-task.ts';

const options = {
  epochs: 3,
  batchSize: 4,
  lr: 3e-3,
  // Random scores have as much mass in every layer: a frontier pays.
  score: { kind: 'random' },
  select: { ratio: 0.02, frontier: 'auto' },
} as const;

test('a run tells the frontier, keeps to it when it selects anew, and trains nothing below', async () => {
  const notes: string[] = [];
  const { report, selection } = await fineTune(
    model,
    task,
    { ...options, refine: { every: 2, probeBatches: 2 } },
    environment,
    { onNote: (note) => void notes.push(note) },
  );
  const { frontier } = report.selections[0]!;
  expect(frontier).toMatchObject({ layer: expect.any(Number), layers: 2 });
  expect(frontier!.massKept).toBeGreaterThanOrEqual(report.options.select.frontierMass);
  expect(report.options.select.frontierMass).toBe(0.87);
  expect(frontier!.saving).toBeGreaterThan(0);
  expect(notes.filter((note) => /^Frontier auto: .* % of the score mass is kept/.test(note))).toHaveLength(1);
  expect(report.selections).toHaveLength(2);
  const { run } = await beginRun(model, task, options, environment, {});
  const depths = layerDepths(run.prepared.withLoss, run.prepared.weights.keys());
  await run.release();
  const names = [
    ...selection.keys(),
    ...report.selections.flatMap(({ perTensor }) => Object.keys(perTensor)),
  ];
  for (const name of names) expect(depths.of(name)).toBeGreaterThanOrEqual(frontier!.layer!);
});

test.each([
  { scope: 'tensor', granularity: 'row' },
  { scope: 'layer', granularity: 'element' },
  { scope: 'global', granularity: 'column' },
] as const)('the frontier is that of the best weights, and holds for %o', async (how) => {
  const select = { ...options.select, scope: 'global', granularity: 'element' } as const;
  const best = await fineTune(model, task, { ...options, select }, environment);
  const { report, selection } = await fineTune(
    model,
    task,
    { ...options, select: { ...select, ...how } },
    environment,
  );
  const { frontier } = report.selections[0]!;
  expect(frontier!.layer).not.toBeNull();
  expect(frontier).toEqual(best.report.selections[0]!.frontier);
  const { run } = await beginRun(model, task, options, environment, {});
  const depths = layerDepths(run.prepared.withLoss, run.prepared.weights.keys());
  await run.release();
  for (const name of selection.keys()) expect(depths.of(name)).toBeGreaterThanOrEqual(frontier!.layer!);
  expect([...selection]).not.toEqual([...best.selection]);
});

test('the training graph has no backward node below the lowest selected weight', async () => {
  const { selection } = await fineTune(model, task, options, environment);
  const { run } = await beginRun(model, task, options, environment, {});
  const { withLoss, weights } = run.prepared;
  await run.release();
  const depths = layerDepths(withLoss, weights.keys());
  const lowest = Math.min(...[...selection.keys()].map(depths.of));
  expect(lowest).toBeGreaterThan(-1);
  const forward = specialize(withLoss, { dims: { batch: 4, sequence: 8 }, variables: new Set() });
  const elements = new Map([...selection].flatMap(([name, i]) => (i === 'all' ? [] : [[name, i] as const])));
  const graph = differentiate(
    { ...forward, outputs: forward.outputs.filter(({ name }) => name === LOSS) },
    { loss: LOSS, wrt: [...selection.keys()], elements },
  );
  // The depth of a forward value is that of the deepest weight behind it; a gradient needs what its layer reads.
  // Masks have no weight behind them.
  const depth = new Map<string, number>();
  for (const { inputs, outputs } of forward.nodes) {
    const behind = inputs.flatMap((name) => (weights.has(name) ? depths.of(name) : (depth.get(name) ?? [])));
    if (behind.length > 0) for (const output of outputs) depth.set(output, Math.max(...behind));
  }
  const made = new Set(forward.nodes.flatMap(({ outputs }) => outputs));
  const backward = graph.nodes.filter(({ outputs }) => outputs.every((output) => !made.has(output)));
  expect(backward.length).toBeGreaterThan(10);
  for (const { inputs } of backward) {
    for (const name of inputs) {
      if (weights.has(name)) expect(depths.of(name), name).toBeGreaterThanOrEqual(lowest);
      if (depth.has(name)) expect(depth.get(name), name).toBeGreaterThanOrEqual(lowest - 1);
    }
  }
});
