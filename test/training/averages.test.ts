import { expect, test } from 'vitest';
import type { TrainOptions } from '../../src/options/options.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import { type FineTuned, fineTune } from '../../src/training/fine-tune.ts';
import { environment, model, task } from './tiny-task.ts';

async function train(emaDecay: number | null): Promise<FineTuned & { readonly losses: readonly number[] }> {
  const losses: number[] = [];
  const options: TrainOptions = { epochs: 3, batchSize: 4, lr: 3e-2, select: { ratio: 0.05 }, emaDecay };
  const onProgress = ({ loss }: { loss: number }): void => void losses.push(loss);
  return { ...(await fineTune(model, task, options, environment, { onProgress })), losses };
}

test('averages are scored and kept, and do not touch the training', async () => {
  const [plain, averaged] = [await train(null), await train(0.9)];
  expect(averaged.losses).toEqual(plain.losses);
  expect(averaged.selection).toEqual(plain.selection);
  const losses = ({ report }: FineTuned): (number | undefined)[] =>
    report.evaluations.map(({ metrics }) => metrics['loss']);
  for (const [epoch, loss] of losses(averaged).entries()) expect(loss).not.toBe(losses(plain)[epoch]);
  expect(Buffer.compare(encodePatch(averaged.patch), encodePatch(plain.patch))).not.toBe(0);
  expect(averaged.report.frozen).toEqual(plain.report.frozen);
});

test('averages that forget at once are the weights themselves', async () => {
  const [plain, averaged] = [await train(null), await train(0)];
  expect(encodePatch(averaged.patch)).toEqual(encodePatch(plain.patch));
  expect(averaged.report.evaluations.map(({ metrics }) => metrics)).toEqual(
    plain.report.evaluations.map(({ metrics }) => metrics),
  );
});
