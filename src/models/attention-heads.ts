import { int } from '../graph/graph.ts';
import type { EncoderContext, Positions } from './encoder-graph.ts';

/** The names of the projections of self-attention. */
export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
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

/** softmax(scores) with dropout, `[batch, heads, positions, sequence]` as the scores. */
export function attentionWeights(
  { builder, shape, drop }: EncoderContext,
  scores: string,
  positions: Positions,
): string {
  const weights = builder.op('Softmax', [scores], { axis: int(-1) });
  return drop(weights, shape.dropout.attention, ['batch', shape.heads, positions, 'sequence']);
}

/** The extent of one head. */
export function headSize({ shape }: EncoderContext): number {
  return shape.hiddenSize / shape.heads;
}
