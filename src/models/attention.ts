import { int } from '../graph/graph.ts';
import type { EncoderContext, LayerRows, Positions } from './encoder-graph.ts';
import { linear } from './layers.ts';

/** The names of the projections of self-attention. */
export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

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
  const projected = {
    // 1/√d is taken into the projection of Q
    queries: linear(builder, names.query, queries, 1 / Math.sqrt(headSize(c))),
    keys: linear(builder, names.key, keys),
    values: linear(builder, names.value, keys),
  };
  return attend(c, projected, positions, variant);
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
  { bias, rotate, mask = (scores) => c.builder.op('Add', [scores, c.maskBias]) }: AttentionVariant,
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
  const products = builder.op('MatMul', [q, k]);
  const scores = bias === undefined ? products : builder.op('Add', [products, bias]);
  return mixValues(c, mask(scores), v, positions);
}

/** How {@link splitHeads} arranges its result: `[batch, heads, rows, headSize]` or `[batch, heads, headSize, rows]`. */
export const byRow: readonly number[] = [0, 2, 1, 3];
export const byColumn: readonly number[] = [0, 2, 3, 1];

/** `[batch · rows, hidden]` split into heads, in the arrangement that is asked for. */
export function splitHeads(
  c: EncoderContext,
  rows: string,
  positions: Positions,
  arrangement: readonly number[],
): string {
  const { builder, batch, shape, sequence } = c;
  const extent = positions === 1 ? builder.ints([1]) : sequence;
  const heads = builder.ints([shape.heads, headSize(c)]);
  const target = builder.op('Concat', [batch, extent, heads], { axis: int(0) });
  return builder.transpose(builder.op('Reshape', [rows, target]), arrangement);
}

/**
 * softmax(scores)·V, heads joined again.
 *
 * @param scores `[batch, heads, positions, sequence]`, mask included.
 * @param values `[batch, heads, sequence, headSize]`
 * @returns `[batch · positions, hidden]`
 */
function mixValues(
  { builder, shape, drop }: EncoderContext,
  scores: string,
  values: string,
  positions: Positions,
): string {
  const weights = drop(builder.op('Softmax', [scores], { axis: int(-1) }), shape.dropout.attention, [
    'batch',
    shape.heads,
    positions,
    'sequence',
  ]);
  const mixed = builder.transpose(builder.op('MatMul', [weights, values]), byRow);
  return builder.op('Reshape', [mixed, builder.ints([-1, shape.hiddenSize])]);
}

/** The extent of one head. */
export function headSize({ shape }: EncoderContext): number {
  return shape.hiddenSize / shape.heads;
}
