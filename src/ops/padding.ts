import { stringAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { int64, sizeOf } from '../tensor.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { sumKeeping } from './reductions.ts';
import {
  asInfer,
  knownContext,
  knownNumbers,
  normalizeAxis,
  refusal,
  requiredArray,
  requiredType,
  stridesOf,
} from './shapes.ts';

const modes = ['constant', 'edge', 'reflect', 'wrap'] as const;

/** @throws `graph/operator` for a mode that ONNX has not. */
function modeOf(node: Node): (typeof modes)[number] {
  const name = stringAttribute(node, 'mode', 'constant');
  const mode = modes.find((known) => known === name);
  if (mode !== undefined) return mode;
  throw refusal(node, 'mode constant, edge, reflect or wrap', name);
}

/** Pad's input 1, per axis of input 0. */
function padsOf(c: InferContext): { before: number[]; after: number[] } {
  const { shape } = requiredType(c, 0);
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

/** The extents with the padding. */
function paddedShape(c: InferContext): readonly number[] {
  const { before, after } = padsOf(c);
  return requiredType(c, 0).shape.map((extent, axis) => extent + (before[axis] ?? 0) + (after[axis] ?? 0));
}

/** For each axis, the input position that each output position copies; −1 for the constant. */
function sources(c: InferContext): readonly (readonly number[])[] {
  const { shape } = requiredType(c, 0);
  const { before } = padsOf(c);
  const mode = modeOf(c.node);
  return paddedShape(c).map((length, axis) =>
    Array.from({ length }, (_, o) => source(o - (before[axis] ?? 0), shape[axis] ?? 0, mode)),
  );
}

function source(position: number, extent: number, mode: (typeof modes)[number]): number {
  if (position >= 0 && position < extent) return position;
  switch (mode) {
    case 'constant':
      return -1;
    case 'edge':
      return position < 0 ? 0 : extent - 1;
    case 'wrap':
      return ((position % extent) + extent) % extent;
    case 'reflect': {
      const period = Math.max(1, 2 * (extent - 1));
      const within = ((position % period) + period) % period;
      return within < extent ? within : period - within;
    }
  }
}

const pad: OpDefinition = {
  infer: (c) => {
    modeOf(c.node);
    return [{ dtype: requiredType(c, 0).dtype, shape: paddedShape(c) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const fill = c.inputs[2]?.data[0] ?? 0;
    const along = sources(asInfer(c));
    const result = along.map((list) => list.length);
    const [own, strides] = [stridesOf(result), stridesOf(shape)];
    const padded = Float64Array.from({ length: sizeOf(result) }, (_, at) => {
      let from = 0;
      for (let axis = 0; axis < shape.length; axis++) {
        const position = along[axis]?.[Math.floor(at / (own[axis] ?? 1)) % (result[axis] ?? 1)] ?? -1;
        if (position < 0) return fill;
        from += position * (strides[axis] ?? 1);
      }
      return data[from] ?? 0;
    });
    return [{ dtype, shape: result, data: padded }];
  },
  // dx = g without the padding, and with what was copied into it added where it came from
  gradients: [
    (c) => {
      const context = knownContext(c);
      if (modeOf(c.node) !== 'constant') {
        return sources(context).reduce(
          (g, list, axis) => gathered(c, g, axis, list, c.x.shape[axis] ?? 0),
          c.g,
        );
      }
      const { before, after } = padsOf(context);
      const negated = [...before, ...after].map((n) => (n === 0 ? 0 : -n));
      return c.op('Pad', [c.g, c.constant(int64([negated.length], negated)), 0]);
    },
    null,
  ],
};

/** A stretch of output positions that copy input positions one after another, forward, backward or all the same. */
interface Run {
  readonly start: number;
  readonly count: number;
  readonly first: number;
  readonly step: number;
}

function runsOf(list: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (let start = 0; start < list.length; ) {
    const first = list[start] ?? 0;
    const step = start + 1 < list.length ? (list[start + 1] ?? 0) - first : 1;
    let count = 1;
    while (Math.abs(step) <= 1 && start + count < list.length && list[start + count] === first + count * step)
      count++;
    runs.push({ start, count, first, step: count === 1 ? 1 : step });
    start += count;
  }
  return runs;
}

/** The sum, for each of `extent` input positions along an axis, of what the output positions that copy it hold. */
function gathered(
  c: GradientContext,
  g: Value,
  axis: number,
  list: readonly number[],
  extent: number,
): Value {
  if (list.length === extent && list.every((position, o) => position === o)) return g;
  const vector = (value: number) => c.constant(int64([1], [value]));
  const parts = runsOf(list).map(({ start, count, first, step }) => {
    const [from, to] = step < 0 ? [start + count - 1, start - 1] : [start, start + count];
    const end = to < 0 ? -(2 ** 31) : to;
    const slice = c.op('Slice', [g, ...[from, end, axis, step < 0 ? -1 : 1].map(vector)]);
    const taken = step === 0 ? sumKeeping(c, slice, [axis]) : slice;
    const lowest = step < 0 ? first - count + 1 : first;
    const width = step === 0 ? 1 : count;
    const pads = g.shape.flatMap((_, i) => (i === axis ? [lowest] : [0]));
    const ends = g.shape.flatMap((_, i) => (i === axis ? [extent - lowest - width] : [0]));
    return c.op('Pad', [taken, c.constant(int64([2 * pads.length], [...pads, ...ends])), 0]);
  });
  return parts.reduce((sum, part) => c.op('Add', [sum, part]));
}

export const padding: OpFamily<'Pad'> = { Pad: pad };
