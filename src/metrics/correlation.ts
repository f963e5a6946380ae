import { GspfError } from '../errors.ts';

/**
 * Pearson's correlation of two lists, −1 … 1; not-a-number where it is undefined (a constant list, fewer than two
 * rows, a value that is not finite).
 *
 * @throws `input/data` for lists of different lengths.
 */
export function pearson(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  requireSameLength(predicted, expected);
  const a = Float64Array.from(predicted);
  const b = Float64Array.from(expected);
  if (a.length < 2 || isConstant(a) || isConstant(b)) return Number.NaN;
  center(a);
  center(b);
  const correlation = dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)));
  return Math.max(-1, Math.min(1, correlation));
}

/**
 * Spearman's rank correlation of two lists, −1 … 1: Pearson's of the ranks, ties sharing their mean rank.
 *
 * Not-a-number where it is undefined, as in {@link pearson}.
 *
 * @throws `input/data` for lists of different lengths.
 */
export function spearman(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  requireSameLength(predicted, expected);
  const lists = [Float64Array.from(predicted), Float64Array.from(expected)] as const;
  if (lists.some((list) => list.some(Number.isNaN))) return Number.NaN;
  return pearson(ranks(lists[0]), ranks(lists[1]));
}

function requireSameLength(predicted: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (predicted.length === expected.length) return;
  throw new GspfError('input/data', {
    subject: 'correlation',
    expected: 'as many predictions as labels',
    got: `${predicted.length} predictions and ${expected.length} labels`,
  });
}

function isConstant(values: Float64Array): boolean {
  return values.every((value) => value === values[0]);
}

function center(values: Float64Array): void {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  for (const [index, value] of values.entries()) values[index] = value - mean;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

/** Ranks from 1; equal values share the mean of their ranks. */
function ranks(values: Float64Array): Float64Array {
  const order = Array.from(values, (value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (const { index } of order.slice(start, end)) result[index] = (start + 1 + end) / 2;
    start = end;
  }
  return result;
}
