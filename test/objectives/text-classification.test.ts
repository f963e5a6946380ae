import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { openModelDirectory } from '../../src/node/model-directory.ts';
import { sequenceNetwork } from '../../src/objectives/network.ts';
import { textClassificationObjective } from '../../src/objectives/text-classification.ts';
import type { ClassWeights } from '../../src/options/options.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { classificationMetrics } from '../../src/tasks/labels.ts';
import type { TextClassificationTask } from '../../src/tasks/task.ts';
import { float32, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';

const directory = fileURLToPath(new URL('../fixtures/bert/tiny', import.meta.url));
const { encoder, tokenizer, readTensors } = await openModelDirectory(directory);
const labels = ['a', 'b', 'c'];
const task: TextClassificationTask = {
  kind: 'text-classification',
  name: 'own',
  labels,
  train: ['borl flim', 'tavu', 'not borl', 'and'].map((text, i) => ({ text, label: [0, 1, 1, 2][i] ?? 0 })),
  evaluation: [],
  notes: [],
  ...classificationMetrics(labels),
};

function objectiveWith(classWeights: ClassWeights) {
  return textClassificationObjective(
    task,
    sequenceNetwork(encoder, 3),
    ({ text }) => tokenizer.encode(text, undefined, 16),
    classWeights,
  );
}

/** The loss over all four texts, and their logits, by the float64 reference evaluator. */
async function run(classWeights: ClassWeights): Promise<{ loss: number; logits: number[][] }> {
  const objective = objectiveWith(classWeights);
  const length = Math.max(...objective.train.lengths);
  const graph = specialize(objective.withLoss(), {
    dims: { batch: 4, sequence: length },
    variables: new Set(),
  });
  const executable = await referenceBackend.compile(graph);
  const [loss, logits] = [float32([], [0]), float32([4, 3], new Float32Array(12))];
  const feeds = new Map<string, Tensor>([
    ...(await readTensors()),
    ...objective.train.feeds([0, 1, 2, 3], length),
    ...objective.targets(Int32Array.of(0, 1, 2, 3), length, 1),
  ]);
  await executable.run(
    feeds,
    new Map([
      ['loss', loss],
      ['logits', logits],
    ]),
  );
  const rows = [0, 1, 2, 3].map((row) => Array.from(logits.data.slice(3 * row, 3 * row + 3)));
  return { loss: loss.data[0] ?? Number.NaN, logits: rows };
}

/** torch.nn.CrossEntropyLoss(weight): Σ w[y]·(−log softmax[y]) / Σ w[y]. */
function crossEntropy(logits: readonly number[][], weights: readonly number[]): number {
  let [losses, total] = [0, 0];
  for (const [row, { label }] of task.train.entries()) {
    const values = logits[row] ?? [];
    const norm = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
    losses += (weights[label] ?? 0) * (norm - (values[label] ?? 0));
    total += weights[label] ?? 0;
  }
  return losses / total;
}

describe('class weights', () => {
  test.each<[ClassWeights, number[]]>([
    ['none', [1, 1, 1]],
    [
      [0.5, 2, 7],
      [0.5, 2, 7],
    ],
    // 4 rows of 3 classes, of which the second has two.
    ['balanced', [4 / 3, 4 / 6, 4 / 3]],
  ])('%j weigh the losses', async (given, weights) => {
    const { loss, logits } = await run(given);
    expect(loss).toBeCloseTo(crossEntropy(logits, weights), 6);
  });

  test('there is one for each label', () => {
    expect(failure(() => objectiveWith([1, 2]))).toContain(
      'classWeights: expected 3 factors (for a, b, c), balanced or none, got 2',
    );
  });
});

test('scores and confusion follow from the logits', () => {
  const evaluation = [0, 0, 1, 2].map((label) => ({ text: 'borl', label }));
  const objective = textClassificationObjective(
    { ...task, evaluation },
    sequenceNetwork(encoder, 3),
    ({ text }) => tokenizer.encode(text, undefined, 16),
    'none',
  );
  const logits = [
    [2, 0, 0],
    [0, 1, 0],
    [0, 3, 0],
    [0, 0, 1],
  ].map((row) => Float32Array.from(row));
  const loss = (right: number, others: number): number => Math.log(Math.exp(right) + others) - right;
  const { accuracy, loss: mean } = objective.score(logits);
  expect(accuracy).toBe(0.75);
  expect(mean).toBeCloseTo((loss(2, 2) + loss(0, 1 + Math.E) + loss(3, 2) + loss(1, 2)) / 4, 9);
  expect(Array.from(objective.confusion?.(logits).counts ?? [])).toEqual([1, 1, 0, 0, 1, 0, 0, 0, 1]);
});
