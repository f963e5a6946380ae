import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int, type ValueInfo } from '../graph/graph.ts';
import type { TextEncoder } from './architecture.ts';
import { meanCrossEntropy } from './cross-entropy.ts';
import { type DropoutSite, dropByMasks, dropNothing } from './dropout.ts';
import { linearParameters, type Parameter } from './parameters.ts';

/** The prefix of the head's parameters. */
export const HEAD_PREFIX = 'classifier.';

/** The graph inputs that hold a batch of texts: int64 `[batch, sequence]`. */
export const textInputs = {
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  tokenTypeIds: 'token_type_ids',
} as const;

/** The parameters of an encoder with a classifier of so many labels on it. */
export function classifierParameters(encoder: TextEncoder, labels: number): Parameter[] {
  return [...encoder.parameters, ...linearParameters('classifier', encoder.hiddenSize, labels)];
}

/**
 * The forward graph of transformers' …ForSequenceClassification: pooler, dropout, classifier.
 *
 * Parameters are graph inputs. The one output is `logits`, float32 `[batch, labels]`.
 *
 * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
 */
export function classifierGraph(encoder: TextEncoder, labels: number, sites?: DropoutSite[]): Graph {
  const builder = new GraphBuilder();
  const drop = sites === undefined ? dropNothing : dropByMasks(builder, sites);
  for (const name of Object.values(textInputs)) {
    builder.input({ name, dtype: 'int64', shape: ['batch', 'sequence'] });
  }
  for (const { name, shape } of classifierParameters(encoder, labels)) {
    builder.input({ name, dtype: 'float32', shape });
  }
  const hidden = encoder.pooled(builder, textInputs, drop);
  const pooled = drop(hidden, encoder.dropout.classifier, ['batch', encoder.hiddenSize]);
  builder.op('Gemm', [pooled, 'classifier.weight', 'classifier.bias'], { transB: int(1) }, 'logits');
  return builder.build(`${encoder.modelType}-sequence-classification`, [
    { name: 'logits', dtype: 'float32', shape: ['batch', labels] },
  ]);
}

/** The output that {@link withCrossEntropy} adds. */
export const LOSS = 'loss';

/** The graph input of the right classes: int64 `[batch, 1]`. */
export const LABELS = 'labels';

/** Adds the mean cross-entropy of `logits` and `labels` as the output `loss`, a scalar. */
export function withCrossEntropy(graph: Graph): Graph {
  const builder = new GraphBuilder(graph);
  const labels: ValueInfo = { name: LABELS, dtype: 'int64', shape: ['batch', 1] };
  meanCrossEntropy(builder, 'logits', builder.input(labels), LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}
