import { stringAttribute } from '../graph/attributes.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { InferContext, NumericArray, OpDefinition, OpFamily } from './definition.ts';
import { scatterAddAlong } from './indexing.ts';
import {
  knownNumbers,
  normalizeAxis,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
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

const asKnown = (array: NumericArray | undefined) =>
  array === undefined ? undefined : int64(array.shape, Array.from(array.data));

const slice: OpDefinition = {
  infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: rangesOf(c).map(({ count }) => count) }],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const ranges = rangesOf({
      ...c,
      constants: c.inputs.map((array, i) => (i === 0 ? undefined : asKnown(array))),
    });
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
      const { node, x, g, op, constant, known } = c;
      const constants = node.inputs.map((name, i) =>
        i === 0 || name === '' ? undefined : known(c.input(i)),
      );
      const ranges = rangesOf({ node, inputs: [x, ...constants.slice(1)], constants });
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

/** Pad's input 1, per axis of input 0. */
function padsOf(c: InferContext): { before: number[]; after: number[] } {
  const { shape } = requiredType(c, 0);
  const mode = stringAttribute(c.node, 'mode', 'constant');
  if (mode !== 'constant') throw shapeError(c.node, 'mode "constant"', `"${mode}"`);
  const pads = knownNumbers(c, 1);
  const axes = c.inputs[3] === undefined ? shape.map((_, axis) => axis) : knownNumbers(c, 3);
  const before = shape.map(() => 0);
  const after = shape.map(() => 0);
  axes.forEach((axis, i) => {
    const front = normalizeAxis(axis, shape.length, c.node);
    before[front] = pads[i] ?? 0;
    after[front] = pads[i + axes.length] ?? 0;
  });
  return { before, after };
}

const pad: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const { before, after } = padsOf(c);
    return [{ dtype, shape: shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0)) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const fill = c.inputs[2]?.data[0] ?? 0;
    const constants = c.inputs.map((array, i) => (i === 0 ? undefined : asKnown(array)));
    const { before, after } = padsOf({ ...c, constants });
    const result = shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0));
    const padded = new Float64Array(sizeOf(result)).fill(fill);
    const write = stridesOf(result);
    const read = stridesOf(shape);
    // Negative pads crop: only positions inside both arrays are copied.
    const kept = shape.map((extent, axis) => {
      const lead = before[axis] ?? 0;
      const from = Math.max(0, -lead);
      return { from, to: Math.min(extent, (result[axis] ?? 0) - lead), at: from + lead };
    });
    const counts = kept.map(({ from, to }) => Math.max(0, to - from));
    const sources = offsets(
      counts,
      read,
      kept.reduce((sum, { from }, axis) => sum + from * (read[axis] ?? 1), 0),
    );
    const targets = offsets(
      counts,
      write,
      kept.reduce((sum, { at }, axis) => sum + at * (write[axis] ?? 1), 0),
    );
    for (let i = 0; i < sources.length; i++) padded[targets[i] ?? 0] = data[sources[i] ?? 0] ?? 0;
    return [{ dtype, shape: result, data: padded }];
  },
  // dx = g without the padding: Pad with negated pads
  gradients: [
    (c) => {
      const { node, x, g, op, constant, known } = c;
      const constants = node.inputs.map((name, i) =>
        i === 0 || name === '' ? undefined : known(c.input(i)),
      );
      const { before, after } = padsOf({ node, inputs: [x, ...constants.slice(1)], constants });
      const negated = [...before, ...after].map((n) => (n === 0 ? 0 : -n));
      return op('Pad', [g, constant(int64([negated.length], negated)), 0]);
    },
    null,
  ],
};

export const slicing: OpFamily<'Pad' | 'Slice'> = { Pad: pad, Slice: slice };
