import { int64 } from '../tensor.ts';
import { positionNumbers } from './embeddings.ts';
import type { EncoderContext } from './encoder-graph.ts';

/** Positions that tables of distances reach to: the longest text, padded as other tools do to a multiple of eight. */
export const reachOf = (longest: number): number => Math.ceil(longest / 8) * 8;

/**
 * A function of the distance between two positions, looked up for every pair of a text: int64
 * `[sequence, sequence]`, at [i, j] the value for j − i.
 *
 * @param name The name of the table in the graph.
 * @param longest The longest text; distances run from 1 − `longest` to `longest` − 1.
 */
export function byDistance(
  { builder, sequence }: EncoderContext,
  name: string,
  longest: number,
  bucketOf: (distance: number) => number,
): string {
  const size = 2 * longest - 1;
  const values = Array.from({ length: size }, (_, i) => bucketOf(i + 1 - longest));
  const table = builder.initializer(name, int64([size], values));
  const offset = builder.initializer(`${name}/offset`, int64([], [longest - 1]));
  const position = positionNumbers({ builder }, sequence);
  const row = builder.op('Unsqueeze', [position, builder.ints([1])]);
  return builder.op('Gather', [table, builder.op('Add', [builder.op('Sub', [position, row]), offset])]);
}

/**
 * MPNet's bucket of a distance, transformers' relative_position_bucket: 16 for what comes after and 16 for what comes
 * before; of them one for each distance below 8, the others spread over the logarithm up to 128. In float32, as
 * there: the borders between buckets depend on it.
 */
export function mpnetBucket(distance: number): number {
  const [half, exact, furthest] = [16, 8, 128];
  const side = distance > 0 ? half : 0;
  const size = Math.abs(distance);
  if (size < exact) return side + size;
  const logarithm = Math.fround(Math.log(Math.fround(size / exact)));
  const share = Math.fround(logarithm / Math.fround(Math.log(furthest / exact)));
  return side + Math.min(half - 1, exact + Math.trunc(share * (half - exact)));
}

/**
 * DeBERTa's bucket of a distance, transformers' make_log_bucket_position: distances up to half of the buckets as they are, the others spread over
 * the logarithm. In float32, as there: the borders between buckets depend on it.
 */
export function debertaBucket(distance: number, buckets: number, furthest: number): number {
  const half = Math.trunc(buckets / 2);
  const size = Math.abs(distance);
  if (size <= half) return distance;
  const logarithm = (ratio: number): number => Math.fround(Math.log(Math.fround(ratio)));
  const share = Math.fround(logarithm(size / half) / logarithm((furthest - 1) / half));
  return Math.sign(distance) * (Math.ceil(Math.fround(share * (half - 1))) + half);
}
