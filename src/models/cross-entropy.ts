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

/**
 * Adds the weighted mean of the cross-entropies, Σ wᵢ·lossᵢ / Σ wᵢ, as the scalar `output`; as
 * torch.nn.CrossEntropyLoss with the weights of each row's class, or with 0 for rows to ignore.
 *
 * @param weights float32 `[rows, 1]`.
 * @returns `output`
 */
export function weightedCrossEntropy(
  builder: GraphBuilder,
  logits: string,
  classes: string,
  weights: string,
  output: string,
): string {
  const name = (part: string): string => `${output}/${part}`;
  const logProbabilities = builder.op('LogSoftmax', [logits], { axis: int(-1) }, name('log_probabilities'));
  const chosen = builder.op('GatherElements', [logProbabilities, classes], { axis: int(1) }, name('chosen'));
  const weighted = builder.op('Mul', [chosen, weights], {}, name('weighted'));
  const sum = builder.op('ReduceSum', [weighted], { keepdims: int(0) }, name('log_likelihood'));
  const total = builder.op('ReduceSum', [weights], { keepdims: int(0) }, name('total_weight'));
  return builder.op('Neg', [builder.op('Div', [sum, total], {}, name('mean_log_likelihood'))], {}, output);
}
