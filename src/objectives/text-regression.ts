import { VALUES, withSquaredError } from '../models/sequence-classification.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { TextRegressionTask, TextTarget } from '../tasks/text-regression.ts';
import { float32 } from '../tensor.ts';
import { mean } from './losses.ts';
import type { SequenceNetwork } from './network.ts';
import type { Objective } from './objective.ts';

/** One number for each text, by the mean squared error of a network's one output. */
export function textRegressionObjective(
  task: TextRegressionTask,
  network: SequenceNetwork,
  encode: (example: TextTarget) => EncodedText,
): Objective {
  return {
    parameters: network.parameters,
    statistics: network.statistics,
    zeroGradient: network.zeroGradient,
    patchMetadata: network.patchMetadata,
    copies: network.copies,
    forward: network.graph(),
    layout: { of: 'text', width: 1 },
    withLoss: (sites) => withSquaredError(network.graph(sites)),
    train: network.features(task.train.map(encode)),
    evaluation: network.features(task.evaluation.map(encode)),
    targets: (rows) => {
      const wanted = Float32Array.from(rows, (row) => task.train[row]?.target ?? Number.NaN);
      return new Map([[VALUES, float32([rows.length, 1], wanted)]]);
    },
    score: (logits) => {
      const predicted = Float64Array.from(logits, ([value]) => value ?? Number.NaN);
      const errors = task.evaluation.map(({ target }, row) => ((predicted[row] ?? Number.NaN) - target) ** 2);
      return { ...task.evaluate(predicted, task.evaluation), loss: mean(errors) };
    },
  };
}
