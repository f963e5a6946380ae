import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { applyPatchToDirectory } from '../../src/node/merge.ts';
import { loadModel, Model } from '../../src/node/model.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { sequenceNetwork } from '../../src/objectives/network.ts';
import { textRegressionObjective } from '../../src/objectives/text-regression.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { loadTask } from '../../src/tasks/load.ts';
import type { TextRegressionTask } from '../../src/tasks/text-regression.ts';
import { float32, type Tensor } from '../../src/tensor.ts';
import { fineTune } from '../../src/training/fine-tune.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url));
const base = await openModelDirectory(directory);

/** The number of times that "chul" occurs. */
const rows = Array.from({ length: 60 }, (_, i) => {
  const count = i % 4;
  const words = [...Array(count).fill('chul'), ...['borl', 'flim', 'tavu', 'nesk'].slice(count % 3)];
  return `${words.join(' ')},${count}`;
});
const files = {
  readText: async () => `text,score\n${rows.join('\n')}\n`,
  readBytes: async () => new Uint8Array(0),
  isDirectory: async () => false,
  isFile: async () => true,
};
const loaded = await loadTask('text-regression', { data: 'own.csv', evalRatio: 0.2 }, files);
if (loaded.kind !== 'text-regression') throw new Error(`a task of the kind ${loaded.kind}`);
const task: TextRegressionTask = loaded;

test('the loss is the mean squared error', async () => {
  const { encoder, tokenizer } = base;
  const objective = textRegressionObjective(task, sequenceNetwork(encoder, 1), ({ text }) =>
    tokenizer.encode(text, undefined, 16),
  );
  const chosen = Int32Array.of(0, 1, 2);
  const graph = specialize(objective.withLoss(), { dims: { batch: 3, sequence: 16 }, variables: new Set() });
  const executable = await referenceBackend.compile(graph);
  const [loss, logits] = [float32([], [0]), float32([3, 1], [0, 0, 0])];
  const head = [
    ['classifier.weight', float32([1, encoder.hiddenSize], new Float32Array(encoder.hiddenSize).fill(0.1))],
    ['classifier.bias', float32([1], [0.5])],
  ] as const;
  const feeds = new Map<string, Tensor>([
    ...(await base.readTensors()),
    ...head,
    ...objective.train.feeds(chosen, 16),
    ...objective.targets(chosen, 16, 1),
  ]);
  await executable.run(
    feeds,
    new Map([
      ['loss', loss],
      ['logits', logits],
    ]),
  );
  const errors = Array.from(chosen, (row) => ((logits.data[row] ?? 0) - (task.train[row]?.target ?? 0)) ** 2);
  expect(loss.data[0]).toBeCloseTo(errors.reduce((sum, error) => sum + error, 0) / 3, 5);
});

test('a model learns numbers, and its patch and the merged model tell them alike', async () => {
  const environment = nodeEnvironment({ threads: 1 });
  const options = { method: 'full', epochs: 40, batchSize: 8, lr: 5e-3, dropout: 'off' } as const;
  const { patch, report } = await fineTune(base, task, options, environment);
  expect(report.metrics['pearson']).toBeGreaterThan(0.9);
  const model = new Model(base, patch, environment);
  const texts = ['chul chul chul', 'borl flim tavu nesk'];
  const values = await model.regress(texts);
  expect(values[0]?.value).toBeGreaterThan((values[1]?.value ?? 0) + 1);
  expect(await model.evaluate(task)).toMatchObject({ pearson: report.metrics['pearson'] });
  await model.release();
  const folder = mkdtempSync(join(tmpdir(), 'gspf-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await applyPatchToDirectory(directory, patch, join(folder, 'merged'));
  const merged = await loadModel(join(folder, 'merged'), { threads: 1 });
  expect([merged.kind, merged.base.config['problem_type']]).toEqual(['text-regression', 'regression']);
  expect(await merged.regress(texts)).toEqual(values);
  await merged.release();
}, 60_000);
