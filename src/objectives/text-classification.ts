import { confusionMatrix } from '../metrics/classification.ts';
import {
  classifierGraph,
  classifierParameters,
  LABELS,
  withCrossEntropy,
} from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { ClassWeights } from '../options/options.ts';
import type { TextClassificationTask, TextExample } from '../tasks/task.ts';
import { int64 } from '../tensor.ts';
import { classFactors } from './class-factors.ts';
import { argmax, crossEntropy, mean } from './losses.ts';
import { featuresOf, type Objective } from './objective.ts';

/**
 * One class for each text, by transformers' …ForSequenceClassification and the mean cross-entropy.
 *
 * @param classWeights Factors for the losses, as torch.nn.CrossEntropyLoss has them.
 * @throws `usage/option` for as many factors as there are not classes.
 */
export function textClassificationObjective(
  task: TextClassificationTask,
  encoder: TextEncoder,
  encode: (example: TextExample) => EncodedText,
  classWeights: ClassWeights,
): Objective {
  const width = task.labels.length;
  const trainLabels = Int32Array.from(task.train, ({ label }) => label);
  const weights = classFactors(classWeights, trainLabels, task.labels);
  const labels = Int32Array.from(task.evaluation, ({ label }) => label);
  return {
    parameters: classifierParameters(encoder, width),
    zeroGradient: encoder.zeroGradient,
    forward: classifierGraph(encoder, width),
    layout: { of: 'text', width },
    withLoss: (sites) => withCrossEntropy(classifierGraph(encoder, width, sites), weights),
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
    lossWeight:
      weights && ((rows) => rows.reduce((sum, row) => sum + (weights[trainLabels[row] ?? 0] ?? 0), 0)),
    score: (logits) => ({
      ...task.evaluate(Int32Array.from(logits, argmax), task.evaluation),
      loss: mean(logits.map((values, row) => crossEntropy(values, labels[row] ?? 0))),
    }),
    confusion: (logits) => confusionMatrix(Int32Array.from(logits, argmax), labels, width),
  };
}
