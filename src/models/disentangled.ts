import { int } from '../graph/graph.ts';
import { int64 } from '../tensor.ts';
import { headSize } from './attention-heads.ts';
import type { EncoderContext, LayerRows } from './encoder-graph.ts';

/** How DeBERTa's attention knows relative positions. */
export interface RelativePositions {
  /** The embeddings' rows are 2 · span. */
  readonly span: number;
  /** The row for the distance i − j of a query i and a key j is span + bucket, at most the last. */
  readonly bucketOf: (distance: number) => number;
  /** The longest text. */
  readonly longest: number;
}

/** The rows of distances for every text length. */
export interface DistanceRows {
  /** int64 `[2 · sequence]`: rows for the distances sequence − 1 down to −sequence of a query to a key. */
  readonly ofKeys: string;
  /** The same for the distances 1 − sequence up to sequence. */
  readonly ofQueries: string;
}

/** Adds the tables of distances, shared by all layers. */
export function distanceRows(
  c: EncoderContext,
  { span, bucketOf, longest }: RelativePositions,
): DistanceRows {
  const { builder, sequence } = c;
  const row = (distance: number): number => Math.min(Math.max(bucketOf(distance) + span, 0), 2 * span - 1);
  const middle = builder.initializer('longest_text', int64([1], [longest]));
  const start = builder.op('Sub', [middle, sequence]);
  const end = builder.op('Add', [middle, sequence]);
  const slice = (name: string, sign: 1 | -1): string => {
    const rows = Array.from({ length: 2 * longest }, (_, i) => row(sign * (i + 1 - longest)));
    const table = builder.initializer(name, int64([rows.length], rows));
    return builder.op('Slice', [table, start, end, builder.ints([0])]);
  };
  return { ofKeys: slice('rows_of_keys', -1), ofQueries: slice('rows_of_queries', 1) };
}

/**
 * Content to position, Q·Kᵣᵀ: what query i makes of the embedding of its distance to key j.
 *
 * @param queries `[batch, heads, positions, headSize]`
 * @param relative The projected embeddings of all distances, `[2 · span, hidden]`.
 * @returns `[batch, heads, positions, sequence]`
 */
export function contentToPosition(
  c: EncoderContext,
  queries: string,
  relative: string,
  { ofKeys }: DistanceRows,
  positions: LayerRows['positions'],
): string {
  const byDistance = c.builder.op('MatMul', [queries, distanceHeads(c, relative, ofKeys)]);
  return positions === 1 ? firstOfShifted(c, byDistance) : shifted(c, byDistance);
}

/**
 * Position to content, Qᵣ·Kᵀ: what key j makes of the embedding of the distance of query i to it.
 *
 * @param keys `[batch, heads, sequence, headSize]`
 * @param relative The projected embeddings of all distances, `[2 · span, hidden]`.
 * @returns `[batch, heads, positions, sequence]`
 */
export function positionToContent(
  c: EncoderContext,
  keys: string,
  relative: string,
  { ofQueries }: DistanceRows,
  positions: LayerRows['positions'],
): string {
  const { builder } = c;
  const byDistance = builder.op('MatMul', [keys, distanceHeads(c, relative, ofQueries)]);
  const byKey = builder.transpose(shifted(c, byDistance), [0, 1, 3, 2]);
  if (positions !== 1) return byKey;
  return builder.op('Slice', [byKey, builder.ints([0]), builder.ints([1]), builder.ints([2])]);
}

/** The embeddings of the distances that texts of this length have: `[heads, headSize, 2 · sequence]`. */
function distanceHeads(c: EncoderContext, relative: string, rows: string): string {
  const { builder, shape } = c;
  const gathered = builder.op('Gather', [relative, rows]);
  const split = builder.op('Reshape', [gathered, builder.ints([-1, shape.heads, headSize(c)])]);
  return builder.transpose(split, [1, 2, 0]);
}

/**
 * From scores by distance to scores by position: `[batch, heads, sequence, 2 · sequence]`, whose column t is for the
 * distance t − sequence + 1 from row to column → `[batch, heads, sequence, sequence]`.
 *
 * With s positions, element (i, j) is at i·2s + j − i + s − 1 of a matrix laid out flat, and this is i·(2s − 1) + j
 * beyond the first s − 1 elements: the same numbers in rows of 2s − 1.
 */
function shifted(c: EncoderContext, scores: string): string {
  const { builder, batch, sequence, shape } = c;
  const one = builder.ints([1]);
  const heads = builder.ints([shape.heads]);
  const flat = builder.op('Reshape', [scores, concat(c, [batch, heads, builder.ints([-1])])]);
  const width = builder.op('Sub', [builder.op('Add', [sequence, sequence]), one]);
  const start = builder.op('Sub', [sequence, one]);
  const end = builder.op('Add', [start, builder.op('Mul', [sequence, width])]);
  const cut = builder.op('Slice', [flat, start, end, builder.ints([2])]);
  const rows = builder.op('Reshape', [cut, concat(c, [batch, heads, sequence, width])]);
  return builder.op('Slice', [rows, builder.ints([0]), sequence, builder.ints([3])]);
}

/** {@link shifted} where there is the first row alone: `[batch, heads, 1, 2 · sequence]` → `[…, 1, sequence]`. */
function firstOfShifted({ builder, sequence }: EncoderContext, scores: string): string {
  const start = builder.op('Sub', [sequence, builder.ints([1])]);
  const end = builder.op('Add', [start, sequence]);
  return builder.op('Slice', [scores, start, end, builder.ints([3])]);
}

function concat({ builder }: EncoderContext, parts: readonly string[]): string {
  return builder.op('Concat', parts, { axis: int(0) });
}
