import { GspfError } from '../errors.ts';

/**
 * Mean of the squared differences of two lists.
 *
 * @throws `input/data` for lists that are empty or of different lengths.
 */
export function meanSquaredError(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  return meanDifference(predicted, expected, (difference) => difference * difference);
}

/**
 * Mean of the absolute differences of two lists.
 *
 * @throws `input/data` for lists that are empty or of different lengths.
 */
export function meanAbsoluteError(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  return meanDifference(predicted, expected, Math.abs);
}

/**
 * R², the share of the variance that predictions explain: 1 − Σ(p − t)² / Σ(t − t̄)², with a mean t̄ for each column, as
 * scikit-learn's `r2_score` with `multioutput="variance_weighted"`; not-a-number for targets that are all alike.
 *
 * @param columns Numbers in a row.
 * @throws `input/data` for lists that are empty or of different lengths.
 */
export function explainedVariance(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  columns: number,
): number {
  const means = new Float64Array(columns);
  for (let i = 0; i < expected.length; i++) {
    means[i % columns] = (means[i % columns] ?? 0) + ((expected[i] ?? 0) * columns) / expected.length;
  }
  const alwaysMean = Float64Array.from(expected, (_, i) => means[i % columns] ?? 0);
  const variance = meanSquaredError(alwaysMean, expected);
  return variance === 0 ? Number.NaN : 1 - meanSquaredError(predicted, expected) / variance;
}

function meanDifference(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  cost: (difference: number) => number,
): number {
  if (predicted.length !== expected.length || expected.length === 0) {
    throw new GspfError('input/data', {
      subject: 'metric',
      expected: 'as many predictions as targets, at least one',
      got: `${predicted.length} predictions and ${expected.length} targets`,
    });
  }
  let sum = 0;
  for (let row = 0; row < expected.length; row++) {
    sum += cost((predicted[row] ?? Number.NaN) - (expected[row] ?? Number.NaN));
  }
  return sum / expected.length;
}
