import { int } from '../graph/graph.ts';
import { float32 } from '../tensor.ts';
import { positionNumbers } from './embeddings.ts';
import type { EncoderContext } from './encoder-graph.ts';

/**
 * Rotary position embeddings (Su et al. 2021), as transformers applies them: each pair of values i and i + d/2 of a
 * head is turned by position · θ^(−2i/d).
 *
 * @param name A name for the frequencies in the graph.
 * @param theta θ, the base of the periods.
 * @returns turns queries or keys `[batch, heads, sequence, headSize]`
 */
export function rotation(
  c: EncoderContext,
  name: string,
  headSize: number,
  theta: number,
): (x: string) => string {
  const { builder, sequence } = c;
  const half = headSize / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    // In float32, step by step, as PyTorch does: far positions feel the rounding.
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / headSize))),
  );
  const table = builder.initializer(`${name}/frequencies`, float32([half], frequencies));
  const position = builder.op('Cast', [positionNumbers(c, sequence)], { to: int(1) });
  const angle = builder.op('Mul', [builder.op('Unsqueeze', [position, builder.ints([1])]), table]);
  const both = (first: string, second: string): string =>
    builder.op('Concat', [first, second], { axis: int(-1) });
  const [cosine, sine] = [builder.op('Cos', [angle]), builder.op('Sin', [angle])];
  const cosines = both(cosine, cosine);
  const sines = both(builder.op('Neg', [sine]), sine);
  const part = (x: string, from: number, to: number): string =>
    builder.op('Slice', [x, builder.ints([from]), builder.ints([to]), builder.ints([3])]);
  // (a, b) → (a·cos − b·sin, b·cos + a·sin)
  return (x) => {
    const exchanged = both(part(x, half, headSize), part(x, 0, half));
    return builder.op('Add', [builder.op('Mul', [x, cosines]), builder.op('Mul', [exchanged, sines])]);
  };
}
