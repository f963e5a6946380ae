import { int64, type Shape } from '../tensor.ts';
import type { InferContext, OpDefinition, OpFamily } from './definition.ts';
import { scatterAddAlong } from './indexing.ts';
import {
  asInfer,
  knownContext,
  knownNumbers,
  normalizeAxis,
  offsets,
  requiredArray,
  requiredType,
  stridesOf,
} from './shapes.ts';

/** Along each axis: the first element taken, the step, and how many. */
interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** Slice's inputs 1 to 4 in full, clamped as the ONNX page says. */
function sliceRanges(
  shape: Shape,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps: readonly number[],
): Range[] {
  const ranges = shape.map((count): Range => ({ start: 0, step: 1, count }));
  axes.forEach((axis, i) => {
    const extent = shape[axis] ?? 0;
    const step = steps[i] ?? 1;
    const clamp = (value: number, low: number, high: number) =>
      Math.min(Math.max(value < 0 ? value + extent : value, low), high);
    const start = step > 0 ? clamp(starts[i] ?? 0, 0, extent) : clamp(starts[i] ?? 0, 0, extent - 1);
    const end = step > 0 ? clamp(ends[i] ?? 0, 0, extent) : clamp(ends[i] ?? 0, -1, extent - 1);
    ranges[axis] = { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
  return ranges;
}

function rangesOf(c: InferContext): Range[] {
  const { shape } = requiredType(c, 0);
  const starts = knownNumbers(c, 1);
  const axes = c.inputs[3] === undefined ? starts.map((_, axis) => axis) : knownNumbers(c, 3);
  const steps = c.inputs[4] === undefined ? starts.map(() => 1) : knownNumbers(c, 4);
  const fromFront = axes.map((axis) => normalizeAxis(axis, shape.length, c.node));
  return sliceRanges(shape, starts, knownNumbers(c, 2), fromFront, steps);
}

const slice: OpDefinition = {
  infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: rangesOf(c).map(({ count }) => count) }],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const ranges = rangesOf(asInfer(c));
    const strides = stridesOf(shape);
    const first = ranges.reduce((sum, { start }, axis) => sum + start * (strides[axis] ?? 1), 0);
    const counts = ranges.map(({ count }) => count);
    const read = offsets(
      counts,
      ranges.map(({ step }, axis) => step * (strides[axis] ?? 1)),
      first,
    );
    return [{ dtype, shape: counts, data: Float64Array.from(read, (offset) => data[offset] ?? 0) }];
  },
  // dx = g where x was read, 0 elsewhere: padding for a dense range, scattering for a stepped one
  gradients: [
    (c) => {
      const { x, g, op, constant } = c;
      const ranges = rangesOf(knownContext(c));
      const dense = ranges.every(({ step }) => step === 1);
      if (dense) {
        const before = ranges.map(({ start }) => start);
        const after = ranges.map(({ start, count }, axis) => (x.shape[axis] ?? 0) - start - count);
        return op('Pad', [g, constant(int64([2 * before.length], [...before, ...after])), 0]);
      }
      return ranges.reduce((cotangent, { start, step, count }, axis) => {
        if (count === x.shape[axis] && step === 1) return cotangent;
        const taken = Array.from({ length: count }, (_, i) => start + i * step);
        return scatterAddAlong(c, cotangent, axis, constant(int64([count], taken)), x.shape[axis] ?? 0);
      }, g);
    },
    null,
  ],
};

export const slicing: OpFamily<'Slice'> = { Slice: slice };
