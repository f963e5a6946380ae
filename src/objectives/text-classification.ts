import {
  classifierGraph,
  classifierParameters,
  LABELS,
  withCrossEntropy,
} from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { TextClassificationTask, TextExample } from '../tasks/task.ts';
import { int64 } from '../tensor.ts';
import { argmax, crossEntropy, mean } from './losses.ts';
import { featuresOf, type Objective } from './objective.ts';

/**
 * One class for each text, by transformers' …ForSequenceClassification and the mean cross-entropy.
 *
 * @param classWeights A factor for the loss of each class, as torch.nn.CrossEntropyLoss has them; none: all alike.
 */
export function textClassificationObjective(
  task: TextClassificationTask,
  encoder: TextEncoder,
  encode: (example: TextExample) => EncodedText,
  classWeights?: Float32Array,
): Objective {
  const width = task.labels.length;
  const trainLabels = Int32Array.from(task.train, ({ label }) => label);
  const labels = Int32Array.from(task.evaluation, ({ label }) => label);
  return {
    parameters: classifierParameters(encoder, width),
    forward: classifierGraph(encoder, width),
    layout: { of: 'text', width },
    withLoss: (sites) => withCrossEntropy(classifierGraph(encoder, width, sites), classWeights),
    train: featuresOf(task.train.map(encode)),
    evaluation: featuresOf(task.evaluation.map(encode)),
    targets: (rows) =>
      new Map([
        [
          LABELS,
          int64(
            [rows.length, 1],
            Array.from(rows, (row) => trainLabels[row] ?? 0),
          ),
        ],
      ]),
    score: (logits) => ({
      ...task.evaluate(Int32Array.from(logits, argmax), labels),
      loss: mean(logits.map((values, row) => crossEntropy(values, labels[row] ?? 0))),
    }),
  };
}
