import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { int64 } from '../tensor.ts';
import { weightedCrossEntropy } from './cross-entropy.ts';
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

/** The graph input of the tokens' weights in the loss: float32 `[batch, sequence]`, 0 where there is nothing to learn. */
export const LABEL_WEIGHTS = 'label_weights';

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
 * Adds the weighted mean of the tokens' cross-entropies as the output `loss`, a scalar: with the weights 1 and 0, what
 * transformers computes from labels of which those of weight 0 are −100.
 *
 * The graph inputs `labels`, int64, and {@link LABEL_WEIGHTS} are `[batch, sequence]`.
 */
export function withTokenCrossEntropy(graph: Graph, labels: number): Graph {
  const builder = new GraphBuilder(graph);
  builder.input({ name: LABELS, dtype: 'int64', shape: ['batch', 'sequence'] });
  builder.input({ name: LABEL_WEIGHTS, dtype: 'float32', shape: ['batch', 'sequence'] });
  const rowsOf = (name: string, width: number): string => {
    const shape = builder.initializer(`${name}/rows_shape`, int64([2], [-1, width]));
    return builder.op('Reshape', [name, shape], {}, `${name}/rows`);
  };
  weightedCrossEntropy(builder, rowsOf('logits', labels), rowsOf(LABELS, 1), rowsOf(LABEL_WEIGHTS, 1), LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}
