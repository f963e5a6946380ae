import {
  classifierGraph,
  classifierParameters,
  VALUES,
  withSquaredError,
} from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { TextRegressionTask, TextTarget } from '../tasks/text-regression.ts';
import { float32 } from '../tensor.ts';
import { mean } from './losses.ts';
import { featuresOf, type Objective } from './objective.ts';

/** One number for each text, by transformers' …ForSequenceClassification with one label: the mean squared error. */
export function textRegressionObjective(
  task: TextRegressionTask,
  encoder: TextEncoder,
  encode: (example: TextTarget) => EncodedText,
): Objective {
  return {
    parameters: classifierParameters(encoder, 1),
    zeroGradient: encoder.zeroGradient,
    forward: classifierGraph(encoder, 1),
    layout: { of: 'text', width: 1 },
    withLoss: (sites) => withSquaredError(classifierGraph(encoder, 1, sites)),
    train: featuresOf(task.train.map(encode)),
    evaluation: featuresOf(task.evaluation.map(encode)),
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
