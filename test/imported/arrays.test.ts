import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { fineTune, loadTask } from '../../src/node/fine-tune.ts';
import { loadOnnxModel } from '../../src/node/onnx-model.ts';
import { readPatch } from '../../src/node/patch-file.ts';
import type { LossName } from '../../src/options/loss-names.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { float32, int64, type Tensor } from '../../src/tensor.ts';
import { gspf, temporaryFolder } from '../cli/terminal.ts';
import { drawn, pixelNet, signClasses, tableNet, tokenNet, writeArrays, writeModel } from './small-models.ts';

const rows = drawn([64, 4], 100);
const classes = signClasses(rows);
const images = drawn([24, 2, 5, 6], 101);
const ids = int64(
  [40, 7],
  Array.from(drawn([40, 7], 102).data, (x) => Math.floor(5 + 4.99 * x)),
);

/** The class of each pixel, by where its first channel is greater than its second; the first row is left out. */
const pixels = Array.from({ length: 24 * 30 }, (_, i) => {
  const [image, place] = [Math.floor(i / 30), i % 30];
  const at = (channel: number): number => images.data[(image * 2 + channel) * 30 + place] ?? 0;
  return place < 6 ? 255 : at(0) > at(1) ? 2 : at(0) > 0 ? 1 : 0;
});

interface Small {
  readonly graph: Graph;
  readonly data: Readonly<Record<string, Tensor>>;
  readonly options?: TrainOptions;
}

const table = (target: Readonly<Record<string, Tensor>>): Small['data'] => ({ features: rows, ...target });
const directions = float32([64, 3], Float32Array.from(rows.data.filter((_, i) => i % 4 < 3)));

const trainings: readonly (readonly [LossName, string, Small])[] = [
  ['cross-entropy', 'accuracy', { graph: tableNet(3), data: table({ labels: int64([64], classes) }) }],
  [
    'binary-cross-entropy',
    'accuracy',
    {
      graph: tableNet(2),
      data: table({
        labels: {
          dtype: 'bool',
          shape: [64, 2],
          data: Uint8Array.from(classes.flatMap((c) => [+(c > 0), +(c > 1)])),
        },
      }),
    },
  ],
  ['mse', 'r2', { graph: tableNet(3), data: table({ target: directions }) }],
  [
    'token-cross-entropy',
    'accuracy',
    {
      graph: tokenNet(3),
      data: {
        ids,
        labels: int64(
          [40, 7],
          Array.from(ids.data, (id, i) => (i % 5 === 0 ? -100 : Number(id) % 3)),
        ),
      },
    },
  ],
  [
    'pixel-cross-entropy',
    'mean_iou',
    {
      graph: pixelNet(3),
      data: { image: images, labels: { dtype: 'uint8', shape: [24, 5, 6], data: Uint8Array.from(pixels) } },
    },
  ],
  [
    'cosine',
    'cosine',
    { graph: tableNet(3), data: table({ target: directions }), options: { loss: 'cosine' } },
  ],
  [
    'contrastive',
    'nearest_accuracy',
    {
      graph: tableNet(3),
      data: table({ labels: int64([64], classes) }),
      options: { loss: 'contrastive', batchSize: 16, lr: 0.05 },
    },
  ],
];

const quick: TrainOptions = { lr: 0.02, batchSize: 8, epochs: 8, seed: 3 };

describe.each(trainings)('%s', (name, metric, { graph, data, options }) => {
  test('trains a small graph, all of it and a part, and the patch scores what the run did', async () => {
    const folder = temporaryFolder();
    const model = await loadOnnxModel(writeModel(join(folder, 'model.onnx'), graph), { threads: 1 });
    const path = writeArrays(join(folder, 'data.safetensors'), data);
    const task = await loadTask('arrays', { data: path, evalData: path });
    const full = await fineTune(model, task, { ...quick, ...options, method: 'full' });
    const sparse = await fineTune(model, task, { ...quick, ...options, select: { ratio: 0.2 } });
    for (const { report, patch } of [full, sparse]) {
      const [first, last] = [report.evaluations[0]?.metrics, report.metrics];
      // Of 64 rows in three classes the contrastive loss cannot fall below ln 21.
      const least = name === 'contrastive' ? 0.97 : 0.9;
      expect(last['loss']).toBeLessThan(least * (first?.['loss'] ?? 0));
      expect(last[metric]).toBeGreaterThanOrEqual(first?.[metric] ?? 1);
      expect(patch.metadata.extra['task_loss']).toBe(name);
      expect(await model.with(patch).evaluate(task)).toEqual(last);
    }
    await model.release();
  });
});

/** Runs a command that must succeed. */
async function run(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await gspf(words);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

/** Runs a command that must be refused. */
async function refused(...words: readonly string[]): Promise<string> {
  const { status, stderr } = await gspf(words);
  expect(status).toBe(2);
  return stderr;
}

const settings = ['--lr', '0.02', '--epochs', '3', '--batch-size', '8', '--ratio', '50%', '--threads', '1'];

test('commands on arrays: train, eval, predict, export', async () => {
  const at = (
    (folder) => (name: string) =>
      join(folder, name)
  )(temporaryFolder());
  const model = writeModel(at('model.onnx'), tableNet(3));
  const data = writeArrays(at('data.safetensors'), { features: rows, labels: int64([64], classes) });
  const task = ['--task', 'arrays', '--data', data];
  const text = await run('train', '--model', model, ...task, '--out', at('run'), ...settings);
  expect(text).toContain(`--patch ${at('run')} NEW.safetensors`);
  const report = JSON.parse(readFileSync(at('run/run.json'), 'utf8'));
  expect(report.notes.join(' ')).toMatch(/held out 6 of 64 rows .* stratified by label/);
  const score = await run('eval', '--model', model, '--patch', at('run'), ...task, '--json');
  expect(JSON.parse(score)).toMatchObject({ examples: 64, metrics: { accuracy: expect.any(Number) } });
  const lines = (await run('predict', '--model', model, '--patch', at('run'), data)).trim().split('\n');
  const predictions = lines.map((line) => JSON.parse(line));
  expect(predictions).toHaveLength(64);
  expect(predictions[5]).toMatchObject({ row: 5, label: expect.stringMatching(/^[012]$/) });
  await run('export', '--model', model, '--patch', at('run'), '--format', 'onnx', '--out', at('whole'));
  const raw = (await run('predict', '--model', at('whole/model.onnx'), data)).trim().split('\n');
  const highest = raw.map((line) => {
    const { values } = JSON.parse(line);
    return `${values.indexOf(Math.max(...values))}`;
  });
  expect(highest).toEqual(predictions.map(({ label }) => label));
});

test.each([
  ['example', 'hidden', tableNet(1), { features: rows, labels: int64([64], classes) }, [3, 16]],
  ['token', 'embedded', tokenNet(1), { ids, labels: int64([40, 7], Array.from(ids.data, Number)) }, [10, 6]],
  [
    'pixel',
    'maps',
    pixelNet(1),
    { image: images, labels: { dtype: 'uint8', shape: [24, 5, 6], data: Uint8Array.from(pixels) } as const },
    [3, 8, 1, 1],
  ],
])('a new head for each %s', async (each, on, graph, data, shape) => {
  const at = (
    (folder) => (name: string) =>
      join(folder, name)
  )(temporaryFolder());
  const model = writeModel(at('model.onnx'), graph);
  const path = writeArrays(at('data.safetensors'), data);
  const loss = each === 'example' ? 'cross-entropy' : `${each}-cross-entropy`;
  const head = ['--head-on', on, '--loss', loss];
  const task = ['--task', 'arrays', '--data', path];
  await run('train', '--model', model, ...task, '--out', at('run'), ...settings, ...head);
  const patch = await readPatch(at('run/patch.safetensors'));
  const weight = patch.tensors.get('head.weight');
  expect(weight?.kind === 'dense' && weight.tensor.shape).toEqual(shape);
  const { metrics } = JSON.parse(
    await run('eval', '--model', model, '--patch', at('run'), ...task, '--json'),
  );
  expect(metrics.accuracy).toBeGreaterThan(0.3);
  const [first] = (await run('predict', '--model', model, '--patch', at('run'), path)).split('\n');
  expect(Object.keys(JSON.parse(first ?? ''))).toContain(each === 'example' ? 'label' : 'labels');
});

describe('what does not go together is told', () => {
  const folder = temporaryFolder;
  const attempt = async (
    data: Readonly<Record<string, Tensor>>,
    ...more: readonly string[]
  ): Promise<string> => {
    const at = (
      (place) => (name: string) =>
        join(place, name)
    )(folder());
    const model = writeModel(at('model.onnx'), tableNet(3));
    const path = writeArrays(at('data.safetensors'), data);
    const words = ['train', '--model', model, '--task', 'arrays', '--data', path, '--out', at('run')];
    return refused(...words, ...settings, ...more);
  };
  const labels = int64([64], classes);

  test.each<readonly [string, Readonly<Record<string, Tensor>>, readonly string[], string]>([
    [
      'a name',
      { feature: rows, labels },
      [],
      'expected a tensor for each input of the graph: "features", got "feature"',
    ],
    ['its suggestion', { feature: rows, labels }, [], 'Did you mean "features"?'],
    [
      'a type',
      { features: { dtype: 'uint8', shape: [64, 4], data: new Uint8Array(256) }, labels },
      [],
      'expected float32[rows, 4], as input "features" of the graph, got uint8[64, 4]',
    ],
    ['a shape', { features: drawn([64, 5], 1), labels }, [], 'got float32[64, 5]'],
    [
      'a first axis',
      { features: rows, labels: int64([63], classes.slice(1)) },
      [],
      'expected 63 examples, as tensor "labels" has in its first axis, got float32[64, 4]',
    ],
    [
      'no target',
      { features: rows },
      [],
      'expected a tensor "labels" or "target", with what is to be learnt',
    ],
    [
      'a class',
      { features: rows, labels: int64([64], [...classes.slice(1), 3]) },
      [],
      'tensor "labels", row 63: expected a class from 0 to 2, or -100 to leave a place out, got 3',
    ],
    [
      'floats as classes',
      { features: rows, labels: drawn([64], 1) },
      ['--loss', 'cross-entropy'],
      'expected integers [examples], for cross-entropy of an output [batch, 3], got float32[64]',
    ],
    [
      'numbers of another shape',
      { features: rows, target: drawn([64, 2], 1) },
      [],
      'expected numbers [examples, 3], for mse of an output [batch, 3]',
    ],
    [
      'parts of a batch',
      { features: rows, labels },
      ['--loss', 'contrastive', '--micro-batch', '4'],
      'microBatch: expected null with loss contrastive',
    ],
    [
      'a head without size',
      { features: rows, labels },
      ['--loss', 'contrastive', '--head-on', 'hidden'],
      'expected a loss that says how large the head is to be',
    ],
    [
      'a loss',
      { features: rows, labels },
      ['--loss', 'crossentropy'],
      'expected "cross-entropy", "binary-cross-entropy"',
    ],
    ['a tensor by name', { features: rows, labels }, ['--label-column', 'lables'], 'Did you mean "labels"?'],
  ])('%s', async (_, data, more, message) => {
    expect(await attempt(data, ...more)).toContain(message);
  });
});
