import { int64 } from '../tensor.ts';
import { positionNumbers } from './embeddings.ts';
import type { EncoderContext } from './encoder-graph.ts';

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
