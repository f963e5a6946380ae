import type { GraphBuilder } from '../graph/builder.ts';
import { int } from '../graph/graph.ts';

/**
 * Adds the mean cross-entropy of logits `[rows, classes]` and right classes, int64 `[rows, 1]`, as the scalar
 * `output`: −Σ log softmax(logits)[class] / rows, as torch.nn.CrossEntropyLoss.
 *
 * @returns `output`
 */
export function meanCrossEntropy(
  builder: GraphBuilder,
  logits: string,
  classes: string,
  output: string,
): string {
  const name = (part: string): string => `${output}/${part}`;
  const logProbabilities = builder.op('LogSoftmax', [logits], { axis: int(-1) }, name('log_probabilities'));
  const chosen = builder.op('GatherElements', [logProbabilities, classes], { axis: int(1) }, name('chosen'));
  const mean = builder.op('ReduceMean', [chosen], { keepdims: int(0) }, name('mean_log_likelihood'));
  return builder.op('Neg', [mean], {}, output);
}
