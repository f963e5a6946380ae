import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layerDepths } from '../../../src/methods/gspf/frontier.ts';
import { narrowed } from '../../../src/methods/gspf/narrowing.ts';
import type { ScoreTable } from '../../../src/methods/gspf/score-table.ts';
import type { TrainOptions } from '../../../src/options/options.ts';
import { encodePatch } from '../../../src/patch/patch.ts';
import { beginRun } from '../../../src/training/begin-run.ts';
import type { CheckpointStore } from '../../../src/training/checkpoint.ts';
import { fineTune } from '../../../src/training/fine-tune.ts';
import { selectWeights } from '../../../src/training/select-weights.ts';
import { environment, model, task } from '../../training/tiny-task.ts';

test('what lies below is within the share, and with one layer more it would not be', () => {
  const counts = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(
      counts,
      fc.integer({ min: 1, max: 100 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (found, budget, most) => {
        const present = found.flatMap((count, i) => (count === 0 ? [] : [[i - 1, count] as const]));
        const result = narrowed({ byDepth: new Map(present.toReversed()), budget }, most);
        const below = (layer: number): number =>
          found.reduce((sum, count, i) => sum + (i - 1 < layer ? count : 0), 0);
        if (result === undefined) {
          expect(below(found.length)).toBeLessThanOrEqual(most * budget);
          return;
        }
        expect(result.reach).toBe(below(result.layer) / budget);
        expect(below(result.layer)).toBeLessThanOrEqual(most * budget);
        expect(below(result.layer + 1)).toBeGreaterThan(most * budget);
      },
    ),
  );
});

const options: TrainOptions = {
  batchSize: 4,
  lr: 3e-3,
  dropout: 'off',
  // What is measured above does then not depend on what becomes of the layers below.
  warmup: { update: 'none' },
  select: { ratio: 0.05 },
};

async function measured(warmup: TrainOptions['warmup']) {
  const shown: ScoreTable[] = [];
  const observer = { onScores: (table: ScoreTable) => void shown.push(table) };
  const all = { ...options, warmup: { ...options.warmup, ...warmup } };
  const { report } = await selectWeights(model, task, all, environment, observer);
  return { tensors: shown[0]!.tensors, report };
}

test('layers that can hardly enter are measured no longer, the others as if nothing were', async () => {
  const narrow = await measured({ narrow: 0.7, checkEvery: 2 });
  const whole = await measured({});
  const { run } = await beginRun(model, task, options, environment, {});
  const depths = layerDepths(run.prepared.withLoss, run.prepared.weights.keys());
  await run.release();
  const steps = narrow.report.selection.narrowed;
  expect(steps.length).toBeGreaterThan(0);
  expect(whole.report.selection.narrowed).toEqual([]);
  expect(narrow.report.notes.filter((note) => note.includes('is measured any more'))).toHaveLength(
    steps.length,
  );
  const upTo = new Map<number, Awaited<ReturnType<typeof measured>>>();
  for (const { afterBatches } of steps) upTo.set(afterBatches, await measured({ maxBatches: afterBatches }));
  for (const [name, { sum, batches }] of narrow.tensors) {
    const left = steps.find(({ layer }) => depths.of(name) < layer);
    const same = (left === undefined ? whole : upTo.get(left.afterBatches)!).tensors.get(name)!;
    expect(batches, name).toBe(same.batches);
    expect(sum, name).toEqual(same.sum);
  }
});

test('a run that is resumed from any step of such a warm-up gives the same patch', async () => {
  const all: TrainOptions = {
    ...options,
    epochs: 2,
    warmup: { narrow: 0.6, checkEvery: 2, maxBatches: 5 },
    checkpoint: { everySeconds: 0 },
  };
  const saved: Uint8Array[] = [];
  const storeOf = (offered: readonly Uint8Array[]): CheckpointStore => ({
    place: 'memory',
    candidates: async () => offered.map((bytes) => ({ bytes, source: 'checkpoint' })),
    save: async (chunks) => void saved.push(Buffer.concat(chunks)),
  });
  const train = (offered: readonly Uint8Array[]) =>
    fineTune(model, task, all, environment, {}, { store: storeOf(offered), resume: offered.length > 0 });
  const { patch, report } = await train([]);
  expect(report.selections[0]!.narrowed).not.toEqual([]);
  for (const checkpoint of saved.slice(0, 6)) {
    const resumed = await train([checkpoint]);
    expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(patch))).toBe(0);
    expect(resumed.report.selections).toEqual(report.selections);
  }
});
