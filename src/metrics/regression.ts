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
