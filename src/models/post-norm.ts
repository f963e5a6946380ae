import type { AttentionNames } from './attention-heads.ts';
import { dropHidden, type EncoderContext, type LayerRows } from './encoder-graph.ts';
import { activate, layerNorm, linear } from './layers.ts';
import { layerNormParameters, linearParameters, type Parameter } from './parameters.ts';

/** The names of the modules of a layer that normalises after each sum, as BERT's do. */
export interface PostNormNames extends AttentionNames {
  /** The output projection of attention, and the normalisation after it. */
  readonly attended: string;
  readonly attendedNorm: string;
  /** The two linear layers of the feed-forward network, and the normalisation after them. */
  readonly inner: string;
  readonly outer: string;
  readonly outerNorm: string;
}

/** The names that BERT's own layers have, below the prefix of a layer. */
export function bertLayerNames(layer: string): PostNormNames {
  return {
    query: `${layer}.attention.self.query`,
    key: `${layer}.attention.self.key`,
    value: `${layer}.attention.self.value`,
    attended: `${layer}.attention.output.dense`,
    attendedNorm: `${layer}.attention.output.LayerNorm`,
    inner: `${layer}.intermediate.dense`,
    outer: `${layer}.output.dense`,
    outerNorm: `${layer}.output.LayerNorm`,
  };
}

/** The parameters of such a layer. */
export function postNormParameters(names: PostNormNames, hidden: number, intermediate: number): Parameter[] {
  return [
    ...linearParameters(names.query, hidden, hidden),
    ...linearParameters(names.key, hidden, hidden),
    ...linearParameters(names.value, hidden, hidden),
    ...linearParameters(names.attended, hidden, hidden),
    ...layerNormParameters(names.attendedNorm, hidden),
    ...linearParameters(names.inner, hidden, intermediate),
    ...linearParameters(names.outer, intermediate, hidden),
    ...layerNormParameters(names.outerNorm, hidden),
  ];
}

/**
 * What such a layer has after self-attention.
 *
 * @param mixed What attention made, `[batch · positions, hidden]`.
 * @param drops Whether there is dropout after the output projection, and after the feed-forward network.
 * @returns `[batch · positions, hidden]`
 */
export function postNormLayer(
  c: EncoderContext,
  names: PostNormNames,
  mixed: string,
  { queries, positions }: LayerRows,
  drops = { attended: true, outer: true },
): string {
  const { builder, shape } = c;
  const dropIf = (condition: boolean, rows: string): string =>
    condition ? dropHidden(c, rows, positions) : rows;
  const attended = dropIf(drops.attended, linear(builder, names.attended, mixed));
  const sum = builder.op('Add', [attended, queries]);
  const middle = layerNorm(builder, names.attendedNorm, sum, shape.epsilon);
  const inner = activate(builder, shape.activation, linear(builder, names.inner, middle));
  const outer = dropIf(drops.outer, linear(builder, names.outer, inner));
  return layerNorm(builder, names.outerNorm, builder.op('Add', [outer, middle]), shape.epsilon);
}
