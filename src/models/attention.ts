import { int } from '../graph/graph.ts';
import type { EncoderContext, LayerRows, Positions } from './encoder-graph.ts';
import { linear } from './layers.ts';

/** The names of the projections of self-attention. */
export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
}

/**
 * Multi-head self-attention up to its output projection: softmax(Q·Kᵀ/√d + bias)·V for each head.
 *
 * @param bias Added to the scores beside the mask: `[1, heads, positions, sequence]`.
 * @returns the mixed values, `[batch · positions, hidden]`
 */
export function selfAttention(
  c: EncoderContext,
  names: AttentionNames,
  { queries, keys, positions }: LayerRows,
  bias?: string,
): string {
  const { builder } = c;
  // 1/√d is taken into the projection of Q
  const q = splitHeads(
    c,
    linear(builder, names.query, queries, 1 / Math.sqrt(headSize(c))),
    positions,
    byRow,
  );
  const k = splitHeads(c, linear(builder, names.key, keys), 'sequence', byColumn);
  const v = splitHeads(c, linear(builder, names.value, keys), 'sequence', byRow);
  const products = builder.op('MatMul', [q, k]);
  const scores = bias === undefined ? products : builder.op('Add', [products, bias]);
  return mixValues(c, builder.op('Add', [scores, c.maskBias]), v, positions);
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
export function mixValues(
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
