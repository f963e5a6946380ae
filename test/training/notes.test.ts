import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import type { TrainOptions } from '../../src/options/options.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { Task } from '../../src/tasks/task.ts';
import { fineTune } from '../../src/training/fine-tune.ts';

const model = await openModelDirectory(
  fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url)),
);
const environment = nodeEnvironment({ threads: 1 });

const examples = Array.from({ length: 24 }, (_, i) => ({
  text: ['borl flim', 'tavu and', 'not borl', 'flim tavu'][i % 4] ?? '',
  label: i % 2,
}));
const task: Task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels: ['a', 'b'],
  train: examples,
  evaluation: examples.slice(0, 4),
  notes: [],
  ...classificationMetrics(['a', 'b']),
};

async function notesOf(options: TrainOptions): Promise<readonly string[]> {
  const notes: string[] = [];
  const given: TrainOptions = { epochs: 5, batchSize: 4, lr: 3e-3, dropout: 'off', ...options };
  await fineTune(model, task, given, environment, { onNote: (note) => void notes.push(note) });
  return notes;
}

test('a head larger than the budget is trained whole, and the run says so', async () => {
  expect(await notesOf({ select: { ratio: 1e-6 } })).toContainEqual(
    expect.stringMatching(/^The head has 34 weights, more than the budget of 1: it is trained whole/),
  );
});

test('a learning rate that leaves the loss flat is told', async () => {
  expect(await notesOf({ lr: 1e-9 })).toContainEqual(
    expect.stringMatching(
      /^The loss stayed flat, from 0\.\d+ to 0\.\d+ over 24 steps: the learning rate 1e-9/,
    ),
  );
  expect((await notesOf({ lr: 3e-2 })).filter((note) => /flat/.test(note))).toEqual([]);
});
