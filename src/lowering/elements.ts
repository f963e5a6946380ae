import type { GradientContext, Value } from '../ops/definition.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';

/** Elements of a gradient that is there whole: `[k]`. */
export function elementsOf(
  c: Pick<GradientContext, 'op' | 'constant'>,
  dense: Value,
  indices: Int32Array,
): Value {
  const flat = reshape(c, dense, [sizeOf(dense.shape)]);
  // Whole rows, columns and blocks fill their product.
  const isWhole = indices.length === sizeOf(dense.shape) && indices.every((index, i) => index === i);
  return isWhole ? flat : c.op('Gather', [flat, positions(c, indices)]);
}

/** Indices as an operand of Gather. */
export function positions({ constant }: Pick<GradientContext, 'constant'>, indices: Int32Array): Value {
  return constant({ dtype: 'int32', shape: [indices.length], data: indices });
}

/** `x` in another shape; itself where it has that. */
export function reshape(
  { op, constant }: Pick<GradientContext, 'op' | 'constant'>,
  x: Value,
  shape: Shape,
): Value {
  const same = x.shape.length === shape.length && shape.every((extent, axis) => extent === x.shape[axis]);
  return same ? x : op('Reshape', [x, constant(int64([shape.length], shape))]);
}

/** The distinct keys of some indices, ascending. */
export function distinct(indices: Int32Array, key: (index: number) => number): Int32Array {
  return Int32Array.from(new Set(Array.from(indices, key))).sort();
}

/** For each number below `extent` that occurs in `values`, its position there. */
export function inverse(values: Int32Array, extent: number): Int32Array {
  const result = new Int32Array(extent);
  values.forEach((value, position) => {
    result[value] = position;
  });
  return result;
}

/** 0 to `extent` − 1. */
export function upTo(extent: number): Int32Array {
  return Int32Array.from({ length: extent }, (_, i) => i);
}
