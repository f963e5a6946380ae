import { fileURLToPath } from 'node:url';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { Task, TextExample } from '../../src/tasks/task.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny-encoder', import.meta.url));

/** A BERT of two layers without a head. */
export const model = await openModelDirectory(directory);

export const environment = nodeEnvironment({ threads: 1 });

/** Words that the model's tokenizer has. */
export const words = ['borl', 'flim', 'tavu', 'and', 'not'];
const examples: TextExample[] = Array.from({ length: 22 }, (_, i) => ({
  text: Array.from({ length: 2 + (i % 5) }, (_, j) => words[(i * 3 + j * (i % 4)) % words.length]).join(' '),
  label: i % 2,
}));

/** Two classes, 22 texts of different lengths to train on. */
export const task: Task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels: ['a', 'b'],
  train: examples,
  evaluation: examples.slice(0, 6),
  notes: [],
  ...classificationMetrics(['a', 'b']),
};
