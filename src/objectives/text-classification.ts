import { confusionMatrix } from '../metrics/classification.ts';
import { LABELS, withCrossEntropy } from '../models/sequence-classification.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { ClassWeights } from '../options/options.ts';
import type { TextClassificationTask, TextExample } from '../tasks/task.ts';
import { int64 } from '../tensor.ts';
import { classFactors } from './class-factors.ts';
import { argmax, crossEntropy, mean } from './losses.ts';
import type { SequenceNetwork } from './network.ts';
import type { Objective } from './objective.ts';

/**
 * One class for each text, by the mean cross-entropy of a network's logits.
 *
 * @param classWeights Factors for the losses, as torch.nn.CrossEntropyLoss has them.
 * @throws `usage/option` for as many factors as there are not classes.
 */
export function textClassificationObjective(
  task: TextClassificationTask,
  network: SequenceNetwork,
  encode: (example: TextExample) => EncodedText,
  classWeights: ClassWeights,
): Objective {
  const width = task.labels.length;
  const trainLabels = Int32Array.from(task.train, ({ label }) => label);
  const weights = classFactors(classWeights, trainLabels, task.labels);
  const labels = Int32Array.from(task.evaluation, ({ label }) => label);
  return {
    parameters: network.parameters,
    statistics: network.statistics,
    zeroGradient: network.zeroGradient,
    patchMetadata: network.patchMetadata,
    copies: network.copies,
    forward: network.graph(),
    layout: { of: 'text', width },
    withLoss: (sites) => withCrossEntropy(network.graph(sites), weights),
    train: network.features(task.train.map(encode)),
    evaluation: network.features(task.evaluation.map(encode)),
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
