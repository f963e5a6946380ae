import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { Task } from '../../src/tasks/task.ts';
import { beginRun } from '../../src/training/begin-run.ts';
import { fineTune } from '../../src/training/fine-tune.ts';
import { denseGradient } from '../../src/training/gradient.ts';
import { microBatches } from '../../src/training/micro-batches.ts';
import { relativeError } from '../numbers.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url));
const model = await openModelDirectory(directory);
const environment = nodeEnvironment({ threads: 1 });

const words = ['borl', 'flim', 'tavu', 'and', 'not'];
const sentence = (i: number): string =>
  Array.from({ length: 2 + (i % 5) }, (_, j) => words[(i * 3 + j * (i % 4)) % words.length]).join(' ');
const rows = Array.from({ length: 22 }, (_, i) => i);
const classification: Task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels: ['a', 'b'],
  train: rows.map((i) => ({ text: sentence(i), label: Number(i % 3 === 0) })),
  evaluation: rows.slice(0, 4).map((i) => ({ text: sentence(i), label: i % 2 })),
  notes: [],
  ...classificationMetrics(['a', 'b']),
};
const targets = rows.map((i) => ({ text: sentence(i), target: (i % 7) / 2 }));
const regression: Task = {
  kind: 'text-regression',
  name: 'text-regression',
  train: targets,
  evaluation: targets.slice(0, 4),
  notes: [],
  primaryMetric: 'mse',
  evaluate: () => ({ mse: 0 }),
};
const questions = rows.map((i) => {
  const context = `${sentence(i)} tavu`;
  return {
    id: `${i}`,
    title: 'words',
    question: sentence(i + 1),
    context,
    answers: [{ text: 'tavu', start: context.length - 4 }],
  };
});
const answering: Task = {
  kind: 'question-answering',
  name: 'question-answering',
  unanswerable: false,
  train: questions,
  evaluation: questions.slice(0, 4),
  notes: [],
  primaryMetric: 'f1',
  evaluate: () => ({ f1: 0 }),
};

const sentences = rows.map((i) => {
  const tokens = sentence(i).split(' ');
  return { tokens, labels: Int32Array.from(tokens, (_, j) => (i + j) % 2) };
});
const tagging: Task = {
  kind: 'token-classification',
  name: 'token-classification',
  labels: ['O', 'B-X'],
  train: sentences,
  evaluation: sentences.slice(0, 4),
  notes: [],
  primaryMetric: 'f1',
  evaluate: () => ({ f1: 0 }),
};

const texts = rows.map((i) => ({ text: sentence(i) }));
const filling: Task = {
  kind: 'masked-lm',
  name: 'masked-lm',
  train: texts,
  evaluation: texts.slice(0, 4),
  notes: [],
  primaryMetric: 'accuracy',
};

test('parts are as equal as can be, and make up the whole', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 1, max: 70 }), (length, size) => {
      const whole = Int32Array.from({ length }, (_, i) => i * 3);
      const parts = microBatches(whole, size);
      expect(parts.flatMap((part) => [...part])).toEqual([...whole]);
      const lengths = parts.map((part) => part.length);
      expect(Math.max(...lengths)).toBeLessThanOrEqual(size);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      expect(parts.length).toBe(Math.ceil(length / size));
    }),
  );
});

test.each<[string, Task, TrainOptions]>([
  ['cross-entropy', classification, {}],
  ['cross-entropy with class weights', classification, { classWeights: [0.3, 2] }],
  ['squared error', regression, {}],
  ['where answers begin and end', answering, {}],
  ['labels of words', tagging, {}],
  ['masked words', filling, {}],
])(
  '%s: loss and gradients in parts are those of the whole batch, dropout included',
  async (_, task, given) => {
    const computed = [];
    for (const microBatch of [null, 3]) {
      const options: TrainOptions = {
        ...given,
        lr: 1e-3,
        method: 'full',
        batchSize: 11,
        dropout: 'config',
        microBatch,
      };
      const { run } = await beginRun(model, task, options, environment, {});
      const { weights } = run.prepared;
      const selection = new Map(
        [...weights.keys()].map((name, i) => [name, i % 3 === 0 ? Int32Array.of(0, 2) : 'all'] as const),
      );
      const gradients = run.passes.gradients(selection);
      const [first, second] = run.batches(1);
      await run.computeGradients(first!, gradients);
      const loss = await run.computeGradients(second!, gradients);
      const all = [...gradients.gradients].flatMap(([name, gradient]) => [
        ...(selection.get(name) === 'all'
          ? denseGradient(gradient, weights.get(name)!.data.length)
          : gradient.values),
      ]);
      computed.push({ loss, gradients: { data: Float32Array.from(all) } });
      await gradients.release();
      await run.release();
    }
    const [whole, parts] = computed;
    expect(parts!.loss).toBeCloseTo(whole!.loss, 5);
    expect(relativeError(parts!.gradients, whole!.gradients)).toBeLessThan(1e-5);
  },
);

test.each<[string, TrainOptions]>([
  ['full fine-tuning', { method: 'full', epochs: 1 }],
  ['GSPF', { epochs: 2, select: { ratio: 0.05 } }],
])('%s in parts ends where it ends with whole batches', async (_, given) => {
  const options: TrainOptions = { ...given, batchSize: 8, lr: 1e-3 };
  const whole = await fineTune(model, classification, options, environment);
  const parts = await fineTune(model, classification, { ...options, microBatch: 3 }, environment);
  expect(parts.report.metrics['loss']).toBeCloseTo(whole.report.metrics['loss']!, 4);
  const common = [...whole.selection].filter(([name, list]) => `${parts.selection.get(name)}` === `${list}`);
  expect(common.length).toBeGreaterThan(0.8 * whole.selection.size);
});
