import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { fromNumeric } from './numeric.ts';
import { type AxisResize, type AxisWeights, axisWeights, type ResizeMode } from './resize-weights.ts';
import {
  asInfer,
  knownContext,
  knownNumbers,
  normalizeAxis,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
  stridesOf,
} from './shapes.ts';

function modeOf(node: Node): ResizeMode {
  return {
    mode: stringAttribute(node, 'mode', 'nearest'),
    coordinates: stringAttribute(node, 'coordinate_transformation_mode', 'half_pixel'),
    nearestMode: stringAttribute(node, 'nearest_mode', 'round_prefer_floor'),
    cubicCoefficient: floatAttribute(node, 'cubic_coeff_a', -0.75),
    excludeOutside: intAttribute(node, 'exclude_outside', 0) === 1,
    antialias: intAttribute(node, 'antialias', 0) === 1,
  };
}

const given = (c: InferContext, i: number): readonly number[] | undefined => {
  if (c.inputs[i] === undefined) return undefined;
  const numbers = knownNumbers(c, i);
  return numbers.length === 0 ? undefined : numbers;
};

/** Every axis of x: those that `axes` leaves out stay as they are. */
function axesOf(c: InferContext): readonly AxisResize[] {
  const { shape } = requiredType(c, 0);
  const axes = (intsAttribute(c.node, 'axes') ?? shape.map((_, axis) => axis)).map((axis) =>
    normalizeAxis(axis, shape.length, c.node),
  );
  const [roi, scales, sizes] = [given(c, 1), given(c, 2), given(c, 3)];
  const listed = scales ?? sizes;
  if (listed === undefined || listed.length !== axes.length) {
    throw shapeError(c.node, `${axes.length} scales or sizes`, `${listed?.length ?? 'none'}`);
  }
  const policy = stringAttribute(c.node, 'keep_aspect_ratio_policy', 'stretch');
  const ratios = axes.map((axis, i) => (sizes?.[i] ?? 1) / (shape[axis] ?? 1));
  const common = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  return shape.map((input, axis): AxisResize => {
    const i = axes.indexOf(axis);
    if (i < 0) return { input, output: input, scale: 1, roi: [0, 1] };
    const cut: readonly [number, number] = [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1];
    if (scales !== undefined) {
      const scale = scales[i] ?? 1;
      return { input, output: Math.floor(input * scale), scale, roi: cut };
    }
    const output = policy === 'stretch' ? (sizes?.[i] ?? 1) : Math.floor(common * input + 0.5);
    return { input, output, scale: policy === 'stretch' ? output / input : common, roi: cut };
  });
}

/** The axes that change, with their weights. */
function changes(c: InferContext) {
  const mode = modeOf(c.node);
  return axesOf(c).flatMap((axis, i) => {
    const weights = axisWeights(axis, mode);
    const same =
      axis.input === axis.output && weights.rows.every((row, o) => row.length === 1 && row[0]?.[0] === o);
    return same ? [] : [{ axis: i, weights }];
  });
}

/** A tensor with each row along `axis` made of others. */
function applyAlong(data: Float64Array, shape: Shape, axis: number, { rows }: AxisWeights) {
  const result = shape.map((extent, i) => (i === axis ? rows.length : extent));
  const inner = stridesOf(shape)[axis] ?? 1;
  const starts = offsets(
    result.map((extent, i) => (i === axis ? 1 : extent)),
    stridesOf(shape),
  );
  const targets = offsets(
    result.map((extent, i) => (i === axis ? 1 : extent)),
    stridesOf(result),
  );
  const out = new Float64Array(sizeOf(result));
  rows.forEach((row, o) => {
    targets.forEach((target, i) => {
      const sum = row.reduce(
        (part, [at, weight]) => part + weight * (data[(starts[i] ?? 0) + at * inner] ?? 0),
        0,
      );
      out[target + o * inner] = sum;
    });
  });
  return { data: out, shape: result };
}

const resize: OpDefinition = {
  infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: axesOf(c).map(({ output }) => output) }],
  evaluate: (c) => {
    const { dtype, ...x } = requiredArray(c, 0);
    const along = changes(asInfer(c));
    const { data, shape } = along.reduce(
      (part, { axis, weights }) => applyAlong(part.data, part.shape, axis, weights),
      { data: x.data, shape: x.shape },
    );
    const fill = floatAttribute(c.node, 'extrapolation_value', 0);
    const strides = stridesOf(shape);
    const isOutside = (at: number) =>
      along.some(
        ({ axis, weights }) => weights.outside[Math.floor(at / (strides[axis] ?? 1)) % (shape[axis] ?? 1)],
      );
    return [{ dtype, shape, data: data.map((value, at) => (isOutside(at) ? fill : value)) }];
  },
  // y = M·x along each axis: dx = Mᵀ·g along each
  gradients: [
    (c) => {
      const along = changes(knownContext(c));
      return along.reduce(
        (g, { axis, weights }) => transposedAlong(c, g, axis, weights, c.x.shape[axis] ?? 1),
        c.g,
      );
    },
    null,
  ],
};

function transposedAlong(
  c: GradientContext,
  g: Value,
  axis: number,
  { rows }: AxisWeights,
  input: number,
): Value {
  const outer = sizeOf(g.shape.slice(0, axis));
  const inner = sizeOf(g.shape.slice(axis + 1));
  const result = g.shape.map((extent, i) => (i === axis ? input : extent));
  const times = rows.length / input;
  const repeats = rows.every(
    (row, o) => row.length === 1 && row[0]?.[0] === Math.floor(o / times) && row[0][1] === 1,
  );
  if (repeats && Number.isInteger(times)) {
    const groups = c.reshape(g, [outer, input, times, inner]);
    return c.reshape(c.op('ReduceSum', [groups, c.constant(int64([1], [2]))]), result);
  }
  const data = new Float64Array(input * rows.length);
  rows.forEach((row, o) => {
    for (const [position, weight] of row) data[position * rows.length + o] = weight;
  });
  const matrix = c.constant(fromNumeric({ dtype: g.dtype, shape: [input, rows.length], data }));
  return c.reshape(c.op('MatMul', [matrix, c.reshape(g, [outer, rows.length, inner])]), result);
}

export const resizing: OpFamily<'Resize'> = { Resize: resize };
