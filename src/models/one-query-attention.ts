import { int } from '../graph/graph.ts';
import { type AttentionNames, attentionWeights, headSize } from './attention-heads.ts';
import type { EncoderContext } from './encoder-graph.ts';

/**
 * Multi-head attention from one position of each text, up to its output projection, without keys and values.
 *
 * With one query q, the score of a row x is q·(K·x + b) = (Kᵀ·q)·x + q·b, and the mixed values are
 * Σ p·(V·x + b) = V·(Σ p·x) + b·Σ p, for each head: what is multiplied with the rows are `heads` vectors a text in place of two
 * matrices of `hidden` rows.
 *
 * @param queries Projected and divided by √headSize, `[batch, hidden]`.
 * @param rows What is attended to, `[batch · sequence, hidden]`.
 * @param mask Adds to the scores what is no product, `[batch, heads, 1, sequence]`.
 * @returns `[batch, hidden]`
 */
export function attendOnce(
  c: EncoderContext,
  names: Pick<AttentionNames, 'key' | 'value'>,
  queries: string,
  rows: string,
  mask: (scores: string) => string,
): string {
  const { builder, batch, sequence, shape } = c;
  const [heads, size] = [shape.heads, headSize(c)];
  const reshape = (x: string, extents: readonly number[]): string =>
    builder.op('Reshape', [x, builder.ints(extents)]);
  const matmul = (a: string, b: string): string => builder.op('MatMul', [a, b]);
  /** `[a, b, n]` → `[b, a, n]` */
  const swap = (x: string): string => builder.transpose(x, [1, 0, 2]);
  const upright = (x: string): string => builder.transpose(x, [0, 2, 1]);

  const extents = builder.op('Concat', [batch, sequence, builder.ints([shape.hiddenSize])], { axis: int(0) });
  const texts = builder.op('Reshape', [rows, extents]); // [batch, sequence, hidden]
  const q = swap(reshape(queries, [-1, heads, size])); // [heads, batch, size]

  const keyWeight = reshape(`${names.key}.weight`, [heads, size, -1]);
  const keyBias = reshape(`${names.key}.bias`, [heads, 1, size]);
  const axis = builder.ints([2]);
  const products = matmul(swap(matmul(q, keyWeight)), upright(texts));
  // No product with one column: its rounding depends on the number of rows.
  const shifts = builder.op('ReduceSum', [builder.op('Mul', [q, keyBias]), axis]);
  const scores = builder.op('Add', [products, swap(shifts)]); // [batch, heads, sequence]

  const p = builder.op('Squeeze', [
    attentionWeights(c, mask(builder.op('Unsqueeze', [scores, axis])), 1),
    axis,
  ]);

  const valueWeight = upright(reshape(`${names.value}.weight`, [heads, size, -1])); // [heads, hidden, size]
  const valueBias = reshape(`${names.value}.bias`, [heads, 1, size]);
  const mixed = matmul(swap(matmul(p, texts)), valueWeight); // [heads, batch, size]
  // With dropout the weights of a text do not sum to 1.
  const sums = swap(builder.op('ReduceSum', [p, axis]));
  const biased = builder.op('Add', [mixed, builder.op('Mul', [sums, valueBias])]);
  return reshape(swap(biased), [-1, shape.hiddenSize]);
}
