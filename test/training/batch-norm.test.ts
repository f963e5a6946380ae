import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { fineTune, loadTask } from '../../src/node/fine-tune.ts';
import { applyPatchToOnnx } from '../../src/node/merge-onnx.ts';
import { loadOnnxModel } from '../../src/node/onnx-model.ts';
import { saveOnnxFile } from '../../src/node/save-onnx-file.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { encodePatch } from '../../src/patch/patch.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { int64 } from '../../src/tensor.ts';
import { temporaryFolder } from '../cli/terminal.ts';
import { drawn, tableNet, writeArrays, writeModel } from '../imported/small-models.ts';
import { relativeError } from '../numbers.ts';

const folder = fileURLToPath(new URL('../fixtures/batch-norm', import.meta.url));
const data = join(folder, 'data.safetensors');
const model = await loadOnnxModel(join(folder, 'model.onnx'), { threads: 1 });
const task = await loadTask('arrays', { data, evalData: data });
const trained = decodeSafetensors(readFileSync(join(folder, 'trained.safetensors')), 'trained').tensors;
const losses: readonly Record<'training' | 'evaluation', number>[] = JSON.parse(
  readFileSync(join(folder, 'losses.json'), 'utf8'),
);

/** As the script of the fixture trains. */
const asThere: TrainOptions = {
  method: 'full',
  batchSize: 12,
  epochs: losses.length,
  lr: 0.01,
  schedule: { kind: 'constant', warmupRatio: 0 },
  adamw: { weightDecay: 0 },
  clipNorm: null,
  bn: { train: true },
};

const isStatistic = (name: string): boolean => name.includes('running');

afterAll(() => model.release());

describe('bn.train', () => {
  test('trains as PyTorch does: losses, weights, running statistics, outputs in evaluation', async () => {
    const steps: number[] = [];
    const onProgress = ({ loss }: { readonly loss: number }): void => void steps.push(loss);
    const { patch, report } = await fineTune(model, task, { ...asThere, onProgress });
    const tuned = model.with(patch);
    const tensors = await tuned.readTensors();
    expect(steps).toEqual(losses.map(({ training }) => expect.closeTo(training, 5)));
    expect(report.evaluations.map(({ metrics }) => metrics['loss'])).toEqual(
      losses.map(({ evaluation }) => expect.closeTo(evaluation, 5)),
    );
    expect([...trained.keys()].filter(isStatistic)).toHaveLength(6);
    for (const name of trained.keys()) {
      if (name !== 'outputs')
        expect(relativeError(tensors.get(name), trained.get(name)), name).toBeLessThan(2e-5);
    }
    expect(await tuned.evaluate(task)).toEqual(report.metrics);
    expect(report.notes).toContainEqual(expect.stringMatching(/^Batch normalisations train by the batch/));
  });

  test('a patch of selected weights holds the statistics too, in the file as well', async () => {
    const run = await fineTune(model, task, { ...asThere, method: 'gspf', select: { ratio: 0.1 } });
    expect([...run.patch.tensors.keys()].filter(isStatistic)).toHaveLength(6);
    const merged = join(temporaryFolder(), 'merged');
    await applyPatchToOnnx(model.path, run.patch, merged);
    const exported = join(temporaryFolder(), 'exported');
    for (const path of [
      join(merged, 'model.onnx'),
      await saveOnnxFile(model.with(run.patch), exported, false),
    ]) {
      const whole = await loadOnnxModel(path, { threads: 1 });
      const { loss, accuracy } = await whole.evaluate(task);
      expect({ loss, accuracy }).toEqual({
        loss: run.report.metrics['loss'],
        accuracy: run.report.metrics['accuracy'],
      });
      await whole.release();
    }
  });

  test('what is measured moves no statistics', async () => {
    const measured: TrainOptions = {
      ...asThere,
      method: 'gspf',
      select: { ratio: 0.1, include: ['head.*'] },
    };
    const once = await fineTune(model, task, {
      ...measured,
      epochs: 3,
      warmup: { update: 'none', epochs: 1 },
    });
    const twice = await fineTune(model, task, {
      ...measured,
      epochs: 4,
      warmup: { update: 'none', epochs: 2 },
    });
    const bn1 = async ({ patch }: typeof once) =>
      (await model.with(patch).readTensors()).get('bn1.running_mean');
    // Nothing below it is trained: the same batch, in any order of its rows, twice.
    expect(relativeError(await bn1(twice), await bn1(once))).toBeLessThan(1e-6);
  });

  test('resumed, gives the patch of the uninterrupted run byte for byte', async () => {
    const options = { ...asThere, batchSize: 4, microBatch: 2, checkpoint: { everySeconds: 0 } };
    const whole = await fineTune(model, task, options);
    const stop = new AbortController();
    const checkpointDirectory = join(temporaryFolder(), 'checkpoints');
    const onProgress = ({ step }: { readonly step: number }): void => void (step === 5 && stop.abort());
    const cut = fineTune(model, task, { ...options, checkpointDirectory, onProgress, signal: stop.signal });
    await expect(cut).rejects.toMatchObject({ code: 'usage/cancelled' });
    const resumed = await fineTune(model, task, { ...options, checkpointDirectory, resume: true });
    expect(Buffer.compare(encodePatch(resumed.patch), encodePatch(whole.patch))).toBe(0);
  });

  test('without it the statistics stay as they are', async () => {
    const { patch } = await fineTune(model, task, { ...asThere, bn: { train: false } });
    expect([...patch.tensors.keys()].filter(isStatistic)).toEqual([]);
  });

  test('is refused where there is nothing to normalise', async () => {
    const at = temporaryFolder();
    const plain = await loadOnnxModel(writeModel(join(at, 'model.onnx'), tableNet(3)), { threads: 1 });
    const rows = { features: drawn([4, 4], 1), labels: int64([4], [0, 1, 2, 0]) };
    const path = writeArrays(join(at, 'data.safetensors'), rows);
    const run = fineTune(plain, await loadTask('arrays', { data: path, evalData: path }), asThere);
    await expect(run).rejects.toThrow(/bn\.train: expected a model with BatchNormalization nodes, got none/);
  });
});
