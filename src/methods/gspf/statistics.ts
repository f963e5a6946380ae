import { GspfError } from '../../errors.ts';
import type { Stretch } from '../../training/gradient.ts';
import type { Sizes, WeightArray } from '../selection.ts';

/** What is summed over the batches: |g|, g², g, or H·g (the Hessian times the gradient, of the same batch). */
export type Measure = 'absolute' | 'square' | 'signed' | 'hessian';

/** The running sum of one tensor, and over how many batches it runs. */
export interface RunningSum {
  readonly sum: WeightArray;
  batches: number;
}

/** One running sum for every eligible tensor: four bytes a weight in float32. */
export interface Statistics {
  readonly measure: Measure;
  readonly tensors: ReadonlyMap<string, RunningSum>;
}

/** Mean μ and population deviation σ. */
export interface Moments {
  readonly mean: number;
  readonly deviation: number;
}

/** Empty sums for the eligible tensors. */
export function createStatistics(
  measure: Measure,
  sizes: Sizes,
  precision: 'float32' | 'float64' = 'float32',
): Statistics {
  const array = precision === 'float32' ? Float32Array : Float64Array;
  const tensors = new Map<string, RunningSum>();
  for (const [name, size] of sizes) tensors.set(name, { sum: new array(size), batches: 0 });
  return { measure, tensors };
}

/** Memory of all sums, in bytes. */
export function bytesOfSums({ tensors }: Statistics): number {
  let bytes = 0;
  for (const { sum } of tensors.values()) bytes += sum.byteLength;
  return bytes;
}

/**
 * Adds one batch of one tensor.
 *
 * @param values The batch's gradient, unclipped; for the measure `hessian`, H·g of the batch. Of a tensor where most of
 *   it is zero, only the stretches that are not.
 * @throws `usage/option` for a tensor that is not measured.
 */
export function accumulate(
  { measure, tensors }: Statistics,
  tensor: string,
  values: WeightArray | readonly Stretch[],
): void {
  const running = tensors.get(tensor);
  if (running === undefined) {
    throw new GspfError('usage/option', {
      subject: 'statistics',
      expected: 'a measured tensor',
      got: `"${tensor}"`,
    });
  }
  const stretches = Array.isArray(values) ? values : [{ start: 0, values }];
  for (const { start, values } of stretches) {
    addTo(running.sum.subarray(start, start + values.length), values, measure);
  }
  running.batches += 1;
}

function addTo(sum: WeightArray, values: WeightArray, measure: Measure): void {
  if (measure === 'absolute') {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + Math.abs(values[i] ?? 0);
  } else if (measure === 'square') {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0) ** 2;
  } else {
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (values[i] ?? 0);
  }
}

/**
 * μ and σ of sum / batches over all elements of all the given tensors, in float64.
 *
 * σ is exactly 0 if all values are equal, which a computed σ need not be.
 *
 * @throws `training/diverged` naming the tensor whose sum is not finite, `usage/option` where nothing was
 * measured.
 */
export function momentsOf(tensors: ReadonlyMap<string, RunningSum>): Moments {
  let elements = 0;
  let total = 0;
  let least = Infinity;
  let most = -Infinity;
  for (const [name, running] of tensors) {
    const batches = measuredBatches(name, running);
    const sums = running.sum;
    let sum = 0;
    for (let i = 0; i < sums.length; i++) {
      const value = (sums[i] ?? 0) / batches;
      sum += value;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    if (!Number.isFinite(sum)) {
      throw new GspfError('training/diverged', {
        subject: `gradients of "${name}"`,
        expected: 'finite sums',
        got: `${sum}`,
        hint: 'Lower warmup.lr, or check the data.',
      });
    }
    total += sum;
    elements += sums.length;
  }
  if (least === most) return { mean: least, deviation: 0 };
  const mean = total / elements;
  let squares = 0;
  for (const { sum, batches } of tensors.values()) {
    for (let i = 0; i < sum.length; i++) squares += ((sum[i] ?? 0) / batches - mean) ** 2;
  }
  return { mean, deviation: Math.sqrt(squares / elements) };
}

/**
 * The number of batches that a sum runs over.
 *
 * @throws `usage/option` for none: a mean over no batches has no value.
 */
export function measuredBatches(name: string, { batches }: RunningSum): number {
  if (batches > 0) return batches;
  throw new GspfError('usage/option', {
    subject: `warm-up of "${name}"`,
    expected: 'at least one measured batch',
    got: 'none',
    hint: 'Raise warmup.maxBatches, or lower warmup.slices.',
  });
}
