import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { applyPatchToDirectory } from '../../src/node/merge.ts';
import { loadModel, Model } from '../../src/node/model.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { saveOnnxDirectory } from '../../src/node/save-model.ts';
import { questionAnsweringObjective } from '../../src/objectives/question-answering.ts';
import { type QuestionExample, questionAnswering } from '../../src/tasks/question-answering.ts';
import { fineTune } from '../../src/training/fine-tune.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url));
const base = await openModelDirectory(directory);
const environment = nodeEnvironment({ threads: 1 });

/** "… chul X …": the answer is the word after chul. */
const words = ['borl', 'flim', 'tavu', 'nesk', 'grum', 'pelo'];
const examples: QuestionExample[] = Array.from({ length: 48 }, (_, i) => {
  const word = (at: number): string => words[(i * 5 + at * 7) % words.length] ?? '';
  const place = i % 4;
  const parts = [0, 1, 2, 3, 4].map(word);
  parts[place] = 'chul';
  const text = parts[place + 1] ?? '';
  const start = parts.slice(0, place + 1).join(' ').length + 1;
  return {
    id: `${i}`,
    question: 'chul',
    context: parts.join(' '),
    answers: [{ text, start }],
    title: `${i % 6}`,
  };
});
const task = questionAnswering({
  name: 'question-answering',
  train: examples,
  evaluation: examples.slice(0, 12),
});

test('logits at the right ends score perfectly', () => {
  const objective = questionAnsweringObjective(task, base.encoder, base.spanTokenizer(), 32);
  const starts =
    objective.targets(Int32Array.from(task.train.keys()), 32, 1).get('start_positions')?.data ?? [];
  const ends = objective.targets(Int32Array.from(task.train.keys()), 32, 1).get('end_positions')?.data ?? [];
  const logits = Array.from(objective.evaluation.lengths, (length, row) => {
    const values = new Float32Array(2 * length);
    values[2 * Number(starts[row])] = 20;
    values[2 * Number(ends[row]) + 1] = 20;
    return values;
  });
  const { f1, exact_match, loss } = objective.score(logits);
  expect([f1, exact_match]).toEqual([1, 1]);
  expect(loss).toBeLessThan(1e-6);
});

test('a model learns to answer, and its patch goes on answering', async () => {
  const options = {
    method: 'full',
    epochs: 60,
    batchSize: 8,
    lr: 1e-2,
    dropout: 'off',
    maxLength: 32,
  } as const;
  const { patch, report } = await fineTune(base, task, options, environment);
  expect(report.metrics['exact_match']).toBeGreaterThan(0.9);
  expect(patch.metadata.extra['task_kind']).toBe('question-answering');
  const model = new Model(base, patch, environment);
  const [example] = task.evaluation;
  const { question, context } = example ?? { question: '', context: '' };
  const [answer] = await model.answer([{ question, context }]);
  expect(answer?.text).toBe(example?.answers[0]?.text);
  expect(await model.evaluate(task)).toMatchObject({ exact_match: report.metrics['exact_match'] });
  await expect(model.classify(['borl'])).rejects.toMatchObject({ code: 'input/model' });
  await model.release();

  const folder = mkdtempSync(join(tmpdir(), 'gspf-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await applyPatchToDirectory(directory, patch, join(folder, 'merged'));
  const merged = await loadModel(join(folder, 'merged'), { threads: 1 });
  expect(merged.base.config['architectures']).toEqual(['BertForQuestionAnswering']);
  expect((await merged.answer([{ question, context }]))[0]).toEqual(answer);
  const { base: opened, kind, labels } = merged;
  await saveOnnxDirectory(join(folder, 'onnx'), {
    base: opened,
    tensors: await merged.readTensors(),
    kind,
    labels,
  });
  const graph = await readOnnx(join(folder, 'onnx', 'onnx', 'model.onnx'));
  expect(graph.outputs.map(({ name }) => name)).toEqual(['start_logits', 'end_logits']);
  await merged.release();
}, 60_000);

test('a head trained alone learns the same whether or not a prefix may be kept: its loss reads the padding', async () => {
  const run = (cache: 'memory' | 'off') => {
    const lengths = { epochs: 2, batchSize: 8, lr: 1e-2, maxLength: 32 } as const;
    // A budget that is smaller than the head.
    const options = { ...lengths, dropout: 'off', select: { ratio: 0.001 }, prefix: { cache } } as const;
    return fineTune(base, task, options, environment);
  };
  const [kept, plain] = [await run('memory'), await run('off')];
  expect(kept.report.prefix).toBeNull();
  expect(kept.report.metrics).toEqual(plain.report.metrics);
});
