import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int } from '../graph/graph.ts';
import { int64 } from '../tensor.ts';
import { meanCrossEntropy } from './cross-entropy.ts';
import { type DropoutSite, dropByMasks, dropNothing } from './dropout.ts';
import { tokenLogits } from './heads.ts';
import type { Parameter } from './parameters.ts';
import { LABELS, LOSS } from './sequence-classification.ts';
import {
  declareTextInputs,
  headParameters,
  parametersWithoutPooler,
  type TextEncoder,
} from './text-encoder.ts';

/** The graph input that says which tokens are labelled: int64 `[labelled]`, text · sequence + position. */
export const LABELLED_POSITIONS = 'labelled_positions';

/** The parameters of an encoder with a classifier of tokens on it; it has no pooler. */
export function tokenClassifierParameters(encoder: TextEncoder, labels: number): Parameter[] {
  return [...parametersWithoutPooler(encoder), ...headParameters(encoder, encoder.tokenClassHead, labels)];
}

/**
 * The forward graph of transformers' …ForTokenClassification.
 *
 * Parameters are graph inputs. The one output is `logits`, float32 `[batch, sequence, labels]`.
 *
 * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
 */
export function tokenClassifierGraph(encoder: TextEncoder, labels: number, sites?: DropoutSite[]): Graph {
  const builder = new GraphBuilder();
  const drop = sites === undefined ? dropNothing : dropByMasks(builder, sites);
  declareTextInputs(builder, encoder);
  for (const { name, shape } of tokenClassifierParameters(encoder, labels)) {
    builder.input({ name, dtype: 'float32', shape });
  }
  tokenLogits(builder, encoder, encoder.tokenClassHead, { labels, drop, output: 'logits' });
  return builder.build(`${encoder.modelType}-token-classification`, [
    { name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', labels] },
  ]);
}

/**
 * Adds the mean cross-entropy of the labelled tokens as the output `loss`, a scalar: what transformers computes from
 * labels of which the others are −100.
 *
 * The graph inputs {@link LABELLED_POSITIONS} and `labels`, int64 `[labelled, 1]`, say which and what they are.
 */
export function withTokenCrossEntropy(graph: Graph, labels: number): Graph {
  const builder = new GraphBuilder(graph);
  builder.input({ name: LABELLED_POSITIONS, dtype: 'int64', shape: ['labelled'] });
  builder.input({ name: LABELS, dtype: 'int64', shape: ['labelled', 1] });
  const shape = builder.initializer('logits/rows_shape', int64([2], [-1, labels]));
  const rows = builder.op('Reshape', ['logits', shape], {}, 'logits/rows');
  const labelled = builder.op('Gather', [rows, LABELLED_POSITIONS], { axis: int(0) }, 'logits/labelled');
  meanCrossEntropy(builder, labelled, LABELS, LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}
