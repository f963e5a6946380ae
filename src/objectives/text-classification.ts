import { GspfError } from '../errors.ts';
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
  const weights = weightsOf(classWeights, trainLabels, task.labels);
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
    score: (logits) => ({
      ...task.evaluate(Int32Array.from(logits, argmax), task.evaluation),
      loss: mean(logits.map((values, row) => crossEntropy(values, labels[row] ?? 0))),
    }),
    confusion: (logits) => confusionMatrix(Int32Array.from(logits, argmax), labels, width),
  };
}

/**
 * The factor of each class; undefined where all are alike. `balanced` is scikit-learn's n / (classes · rows of the
 * class), so that every class weighs the same.
 */
function weightsOf(
  classWeights: ClassWeights,
  classes: Int32Array,
  labels: readonly string[],
): Float32Array | undefined {
  if (classWeights === 'none') return undefined;
  if (classWeights === 'balanced') {
    const counts = labels.map((_, label) => classes.reduce((sum, row) => sum + (row === label ? 1 : 0), 0));
    return Float32Array.from(counts, (count) => classes.length / (labels.length * Math.max(1, count)));
  }
  if (classWeights.length === labels.length) return Float32Array.from(classWeights);
  throw new GspfError('usage/option', {
    subject: 'classWeights',
    expected: `${labels.length} factors (for ${labels.join(', ')}), balanced or none`,
    got: `${classWeights.length}`,
  });
}
