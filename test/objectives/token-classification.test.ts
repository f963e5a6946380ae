import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { applyPatchToDirectory } from '../../src/node/merge.ts';
import { loadModel, Model } from '../../src/node/model.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { saveOnnxDirectory } from '../../src/node/save-model.ts';
import { tokenClassificationObjective } from '../../src/objectives/token-classification.ts';
import type { TaggedSentence } from '../../src/tasks/tagged-sentences.ts';
import { tokenClassification } from '../../src/tasks/token-classification.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { temporaryFolder } from '../cli/terminal.ts';
import { encoderDirectory, expected, modelDirectory } from '../fixtures/pipelines/pipelines.ts';

const base = await openModelDirectory(encoderDirectory);
const environment = nodeEnvironment({ threads: 1 });

/** After chul comes a name of two words, and borlish is one of one word. */
const words = ['flim', 'tavu', 'nesk', 'grum', 'pelo'];
const sentences: TaggedSentence[] = Array.from({ length: 40 }, (_, i) => {
  const word = (at: number): string => words[(i * 3 + at * 7) % words.length] ?? '';
  const named = [
    ['chul', 'O'],
    [word(0), 'B-PER'],
    [word(1), 'I-PER'],
  ] as const;
  const plain = [
    [word(2), 'O'],
    [i % 3 === 0 ? 'borlish' : word(3), i % 3 === 0 ? 'B-ORG' : 'O'],
  ] as const;
  const rows = i % 2 === 0 ? [...named, ...plain] : [...plain, ...named];
  return { tokens: rows.map(([token]) => token), tags: rows.map(([, tag]) => tag), placeOf: String };
});
const task = tokenClassification({ train: sentences, evaluation: sentences.slice(0, 12) });

test('logits that favour the right labels score perfectly, and others do not', () => {
  const { targets, score, evaluation, confusion } = tokenClassificationObjective(
    task,
    base.encoder,
    base.tokenizer,
    32,
    'none',
  );
  const length = 16;
  const rows = Int32Array.from(task.evaluation.keys());
  const fed = targets(rows, length, 1);
  const labels = fed.get('labels')!.data;
  const logitsBy = (of: (row: number, token: number) => number) =>
    Array.from(evaluation.lengths, (tokens, row) =>
      Float32Array.from({ length: tokens * task.labels.length }, (_, i) =>
        i % task.labels.length === of(row, Math.floor(i / task.labels.length)) ? 20 : 0,
      ),
    );
  const right = logitsBy((row, token) => Number(labels[row * length + token]));
  const scores = score(right);
  expect(scores).toMatchObject({ f1: 1, f1_PER: 1, f1_ORG: 1, accuracy: 1 });
  expect(scores['loss']).toBeLessThan(1e-6);
  const { counts, classes } = confusion!(right);
  const total = task.evaluation.reduce((sum, { tokens }) => sum + tokens.length, 0);
  expect(counts.reduce((sum, count) => sum + count)).toBe(total);
  expect(Array.from({ length: classes }, (_, i) => counts[i * classes + i]!).reduce((a, b) => a + b)).toBe(
    total,
  );
  expect(score(logitsBy(() => 0))).toMatchObject({ f1: 0 });
});

test('class weights are those of the words, and nothing else weighs', () => {
  const weighted = (classWeights: 'balanced' | 'none' | readonly number[]) =>
    tokenClassificationObjective(task, base.encoder, base.tokenizer, 32, classWeights).targets(
      Int32Array.of(0),
      12,
      1,
    );
  const weights = (given: Parameters<typeof weighted>[0]) => [...weighted(given).get('label_weights')!.data];
  expect(weights('none')).toEqual([0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  // O, B-ORG, B-PER, I-PER
  expect(task.labels).toEqual(['O', 'B-ORG', 'B-PER', 'I-PER']);
  expect(weights([1, 2, 3, 4])).toEqual([0, 1, 3, 4, 1, 2, 0, 0, 0, 0, 0, 0]);
  expect(() => weighted([1, 2])).toThrow(/expected 4 factors/);
});

test('a model learns names, and its patch goes on finding them', async () => {
  const options = {
    method: 'full',
    epochs: 30,
    batchSize: 8,
    lr: 1e-2,
    dropout: 'off',
    maxLength: 32,
  } as const;
  const { patch, report } = await fineTune(base, task, options, environment);
  expect(report.metrics['f1']).toBeGreaterThan(0.9);
  expect(patch.metadata).toMatchObject({
    id2label: task.labels,
    extra: { task_kind: 'token-classification' },
  });
  const model = new Model(base, patch, environment);
  const text = 'Chul flim  tavu nesk BORLISH';
  const found = await model.labelWords([text, 'nesk chul grum pelo']);
  expect(found[0]?.entities.map(({ type, text: part }) => [type, part])).toEqual([
    ['PER', 'flim  tavu'],
    ['ORG', 'BORLISH'],
  ]);
  expect(await model.evaluate(task)).toMatchObject({
    f1: report.metrics['f1'],
    loss: report.metrics['loss'],
  });
  await expect(model.classify(['borl'])).rejects.toMatchObject({ code: 'input/model' });
  await model.release();

  const folder = temporaryFolder();
  await applyPatchToDirectory(encoderDirectory, patch, join(folder, 'merged'));
  const merged = await loadModel(join(folder, 'merged'), { threads: 1 });
  const id2label = Object.fromEntries(task.labels.entries());
  expect(merged.base.config).toMatchObject({ architectures: ['BertForTokenClassification'], id2label });
  expect(await merged.labelWords([text, 'nesk chul grum pelo'])).toEqual(found);
  const { base: opened, kind, labels } = merged;
  const saved = { base: opened, tensors: await merged.readTensors(), kind, labels };
  await saveOnnxDirectory(join(folder, 'onnx'), saved);
  const graph = await readOnnx(join(folder, 'onnx', 'onnx', 'model.onnx'));
  expect(graph.outputs).toMatchObject([{ name: 'logits', shape: ['batch', 'sequence', task.labels.length] }]);
  await merged.release();
}, 60_000);

describe('labelWords', () => {
  test("finds what transformers' pipeline finds with the strategy first", async () => {
    const id2label = Object.fromEntries(expected.labels.entries());
    const directory = modelDirectory('BertForTokenClassification', /^classifier/, { id2label });
    const model = await loadModel(directory, { threads: 1 });
    const found = await model.labelWords(expected.entities.map(({ text }) => text));
    for (const [i, { entities }] of found.entries()) {
      const wanted = expected.entities[i]!;
      const names = entities.map(({ type, start, end }) => ({ entity_group: type, start, end }));
      expect(names, wanted.text).toEqual(
        wanted.found.map(({ entity_group, start, end }) => ({ entity_group, start, end })),
      );
      for (const [e, { score }] of entities.entries()) expect(score).toBeCloseTo(wanted.found[e]!.score, 4);
    }
    await model.release();
  });

  test('says that a text was cut, and leaves out the words beyond', async () => {
    const id2label = Object.fromEntries(expected.labels.entries());
    const directory = modelDirectory('BertForTokenClassification', /^classifier/, { id2label });
    const model = await loadModel(directory, { threads: 1 });
    const [cut, whole, empty] = await model.labelWords([Array(50).fill('borl').join(' '), 'borl', '']);
    // Of 32 positions, [CLS] and [SEP] take two.
    expect(cut).toMatchObject({ truncated: true });
    expect(cut?.words).toHaveLength(30);
    expect(whole).toMatchObject({ truncated: false, words: [{ text: 'borl', start: 0, end: 4 }] });
    expect(empty).toEqual({ entities: [], words: [], truncated: false });
    await model.release();
  });
});
