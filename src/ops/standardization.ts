import { int64 } from '../tensor.ts';
import type { GradientContext, Value } from './definition.ts';

/** A value less its mean, over its deviation. */
export interface Standardized {
  readonly xHat: Value;
  /** 1/√(variance + ε). */
  readonly inverse: Value;
}

/** The mean over axes that are kept with extent 1. */
export function mean(c: GradientContext, x: Value, axes: readonly number[]): Value {
  return c.op('ReduceMean', [x, c.constant(int64([axes.length], axes))]);
}

/** x̂ = (x − mean)/√(variance + ε) over some axes. */
export function standardize(
  c: GradientContext,
  x: Value,
  axes: readonly number[],
  epsilon: number,
): Standardized {
  const centred = c.op('Sub', [x, mean(c, x, axes)]);
  const variance = mean(c, c.op('Mul', [centred, centred]), axes);
  const inverse = c.op('Reciprocal', [c.op('Sqrt', [c.op('Add', [variance, epsilon])])]);
  return { xHat: c.op('Mul', [centred, inverse]), inverse };
}

/** dx = inverse·(h − mean h − x̂·mean(h·x̂)) from the cotangent h of x̂. */
export function standardizeSlope(
  c: GradientContext,
  h: Value,
  { xHat, inverse }: Standardized,
  axes: readonly number[],
): Value {
  const slope = c.op('Mul', [xHat, mean(c, c.op('Mul', [h, xHat]), axes)]);
  return c.op('Mul', [c.op('Sub', [c.op('Sub', [h, mean(c, h, axes)]), slope]), inverse]);
}

/** Each row of `size` elements less its mean, over what `deviation` makes of its variance. */
export function standardizeRows(
  data: Float64Array,
  size: number,
  deviation: (variance: number) => number,
): Float64Array {
  const result = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += size) {
    const row = data.subarray(start, start + size);
    const average = row.reduce((sum, v) => sum + v, 0) / size;
    const scale = deviation(row.reduce((sum, v) => sum + (v - average) ** 2, 0) / size);
    row.forEach((v, i) => {
      result[start + i] = (v - average) / scale;
    });
  }
  return result;
}
