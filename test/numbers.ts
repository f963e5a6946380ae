import type { Tensor } from '../src/tensor.ts';

type Numbers = Pick<Tensor, 'data'> | undefined;

const numbersOf = (tensor: Numbers): number[] =>
  Array.from<number | bigint, number>(tensor?.data ?? [], Number);

/** The Euclidean norm over all elements. */
export function norm(tensor: Numbers): number {
  return Math.hypot(...chunkNorms(numbersOf(tensor)));
}

/** ‖got − wanted‖ / ‖wanted‖ over all elements; infinite where the sizes differ. */
export function relativeError(got: Numbers, wanted: Numbers): number {
  const [a, b] = [numbersOf(got), numbersOf(wanted)];
  if (a.length !== b.length || b.length === 0) return Number.POSITIVE_INFINITY;
  return Math.hypot(...chunkNorms(a.map((x, i) => x - (b[i] ?? 0)))) / Math.hypot(...chunkNorms(b));
}

/** Norms of pieces short enough to be passed as arguments. */
function chunkNorms(values: readonly number[]): number[] {
  const norms: number[] = [];
  for (let i = 0; i < values.length; i += 10_000) norms.push(Math.hypot(...values.slice(i, i + 10_000)));
  return norms;
}
