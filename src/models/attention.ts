import {
  type AttentionNames,
  attentionWeights,
  byColumn,
  byRow,
  headSize,
  splitHeads,
} from './attention-heads.ts';
import type { EncoderContext, LayerRows, Positions } from './encoder-graph.ts';
import { linear } from './layers.ts';
import { attendOnce } from './one-query-attention.ts';

/** What the variants of self-attention add to it. */
export interface AttentionVariant {
  /** Added to the scores beside the mask: `[1 or batch, heads, positions, sequence]`. */
  readonly bias?: string;
  /** Turns queries and keys by their positions, `[batch, heads, sequence, headSize]`. */
  readonly rotate?: (x: string) => string;
  /** Masks the scores; by default keys that are padding are masked by `maskBias`. */
  readonly mask?: (scores: string) => string;
}

/**
 * Multi-head self-attention up to its output projection: softmax(Q·Kᵀ/√d + bias)·V for each head.
 *
 * @returns the mixed values, `[batch · positions, hidden]`
 */
export function selfAttention(
  c: EncoderContext,
  names: AttentionNames,
  { queries, keys, positions }: LayerRows,
  variant: AttentionVariant = {},
): string {
  const { builder } = c;
  // 1/√d is taken into the projection of Q
  const projected = linear(builder, names.query, queries, 1 / Math.sqrt(headSize(c)));
  const { rotate, bias, mask = masked(c) } = variant;
  if (positions === 1 && rotate === undefined && c.use === 'compute') {
    const biased = (scores: string): string => mask(withBias(c, scores, bias));
    return attendOnce(c, names, projected, keys, biased);
  }
  const [k, v] = [linear(builder, names.key, keys), linear(builder, names.value, keys)];
  return attend(c, { queries: projected, keys: k, values: v }, positions, variant);
}

/**
 * {@link selfAttention} on rows that are projected already.
 *
 * @param projected `[batch · positions, hidden]`, of keys and values `[batch · sequence, hidden]`; the queries are
 *   divided by √d.
 */
export function attend(
  c: EncoderContext,
  projected: { readonly queries: string; readonly keys: string; readonly values: string },
  positions: Positions,
  { bias, rotate, mask = masked(c) }: AttentionVariant,
): string {
  const { builder } = c;
  const upright = splitHeads(c, projected.queries, positions, byRow);
  // The first position is turned by nothing.
  const q = rotate === undefined || positions === 1 ? upright : rotate(upright);
  const k =
    rotate === undefined
      ? splitHeads(c, projected.keys, 'sequence', byColumn)
      : builder.transpose(rotate(splitHeads(c, projected.keys, 'sequence', byRow)), [0, 1, 3, 2]);
  const v = splitHeads(c, projected.values, 'sequence', byRow);
  const scores = withBias(c, builder.op('MatMul', [q, k]), bias);
  return mixValues(c, mask(scores), v, positions);
}

const masked =
  ({ builder, maskBias }: EncoderContext) =>
  (scores: string): string =>
    builder.op('Add', [scores, maskBias]);

function withBias({ builder }: EncoderContext, scores: string, bias: string | undefined): string {
  return bias === undefined ? scores : builder.op('Add', [scores, bias]);
}

/**
 * softmax(scores)·V, heads joined again.
 *
 * @param scores `[batch, heads, positions, sequence]`, mask included.
 * @param values `[batch, heads, sequence, headSize]`
 * @returns `[batch · positions, hidden]`
 */
function mixValues(c: EncoderContext, scores: string, values: string, positions: Positions): string {
  const { builder, shape } = c;
  const weights = attentionWeights(c, scores, positions);
  const mixed = builder.transpose(builder.op('MatMul', [weights, values]), byRow);
  return builder.op('Reshape', [mixed, builder.ints([-1, shape.hiddenSize])]);
}
