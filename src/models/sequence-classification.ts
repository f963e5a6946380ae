import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int } from '../graph/graph.ts';
import { float32 } from '../tensor.ts';
import { meanCrossEntropy, weightedCrossEntropy } from './cross-entropy.ts';
import { type DropoutSite, dropByMasks, dropNothing } from './dropout.ts';
import type { Parameter } from './parameters.ts';
import {
  declareTextInputs,
  type GraphUse,
  headParameters,
  type TextEncoder,
  textInputs,
} from './text-encoder.ts';

/** The parameters of an encoder with a classifier of so many labels on it. */
export function classifierParameters(encoder: TextEncoder, labels: number): Parameter[] {
  return [...encoder.parameters, ...headParameters(encoder, encoder.sequenceHead, labels)];
}

/**
 * The forward graph of transformers' …ForSequenceClassification: encoder, dropout, linear layer, with what the
 * architecture has between them.
 *
 * Parameters are graph inputs. The one output is `logits`, float32 `[batch, labels]`.
 *
 * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
 */
export function classifierGraph(
  encoder: TextEncoder,
  labels: number,
  sites?: DropoutSite[],
  use: GraphUse = 'compute',
): Graph {
  const builder = new GraphBuilder();
  const drop = sites === undefined ? dropNothing : dropByMasks(builder, sites);
  declareTextInputs(builder, encoder);
  for (const { name, shape } of classifierParameters(encoder, labels)) {
    builder.input({ name, dtype: 'float32', shape });
  }
  const { dropout, output } = encoder.sequenceHead;
  const pooled = drop(encoder.pooled(builder, textInputs, drop, use), dropout, ['batch', encoder.hiddenSize]);
  builder.op('Gemm', [pooled, `${output}.weight`, `${output}.bias`], { transB: int(1) }, 'logits');
  return builder.build(`${encoder.modelType}-sequence-classification`, [
    { name: 'logits', dtype: 'float32', shape: ['batch', labels] },
  ]);
}

/** The output that {@link withCrossEntropy} adds. */
export const LOSS = 'loss';

/** The graph input of the right values: float32 `[batch, 1]`. */
export const VALUES = 'values';

/** Adds the mean squared error of `logits`, `[batch, 1]`, and `values` as the output `loss`, a scalar. */
export function withSquaredError(graph: Graph): Graph {
  const builder = new GraphBuilder(graph);
  const values = builder.input({ name: VALUES, dtype: 'float32', shape: ['batch', 1] });
  const error = builder.op('Sub', ['logits', values]);
  builder.op('ReduceMean', [builder.op('Mul', [error, error])], { keepdims: int(0) }, LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}

/** The graph input of the right classes: int64 `[batch, 1]`. */
export const LABELS = 'labels';

/**
 * Adds the mean cross-entropy of `logits` and `labels` as the output `loss`, a scalar.
 *
 * @param classWeights A factor for each class: Σ wᵢ·lossᵢ / Σ wᵢ, as torch.nn.CrossEntropyLoss; none: all alike.
 */
export function withCrossEntropy(graph: Graph, classWeights?: Float32Array): Graph {
  const builder = new GraphBuilder(graph);
  const labels = builder.input({ name: LABELS, dtype: 'int64', shape: ['batch', 1] });
  if (classWeights === undefined) {
    meanCrossEntropy(builder, 'logits', labels, LOSS);
  } else {
    const table = builder.initializer('class_weights', float32([classWeights.length], classWeights));
    const weights = builder.op('Gather', [table, labels], { axis: int(0) });
    weightedCrossEntropy(builder, 'logits', labels, weights, LOSS);
  }
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}
