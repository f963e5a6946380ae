import { intAttribute } from '../graph/attributes.ts';
import { int, type Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type {
  EvaluateContext,
  InferContext,
  NumericArray,
  OpDefinition,
  OpFamily,
  Value,
} from './definition.ts';
import { scatterAddAlong } from './indexing.ts';
import { fromNumeric } from './numeric.ts';
import { knownNumbers, normalizeAxis, numbersOf, requiredArray, requiredType, shapeError } from './shapes.ts';

/** The lines of an array along one axis: how many outside and inside of it, and their length. */
function linesOf(shape: Shape, axis: number) {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    extent: shape[axis] ?? 1,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}

/** For each line along `axis`, what `f` makes of its elements, a line of `count`. */
function mapLines(
  { dtype, shape, data }: NumericArray,
  axis: number,
  count: number,
  f: (line: Float64Array) => ArrayLike<number>,
): NumericArray {
  const { outer, extent, inner } = linesOf(shape, axis);
  const result = new Float64Array(outer * count * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const line = Float64Array.from({ length: extent }, (_, k) => data[(o * extent + k) * inner + i] ?? 0);
      const made = f(line);
      for (let k = 0; k < count; k++) result[(o * count + k) * inner + i] = made[k] ?? 0;
    }
  }
  return { dtype, shape: shape.map((size, i) => (i === axis ? count : size)), data: result };
}

const axisOf = (node: Node, shape: Shape, fallback: number): number =>
  normalizeAxis(intAttribute(node, 'axis', fallback), shape.length, node);

/** Where the largest element of a line is by `before`; with ties the first, or the last. */
function bestOf(line: Float64Array, before: (a: number, b: number) => boolean, last: boolean): number {
  let best = 0;
  line.forEach((value, k) => {
    const current = line[best] ?? 0;
    if (before(value, current) || (last && value === current)) best = k;
  });
  return best;
}

/** The position of an extreme element: integers, so without a gradient. */
function positionOf(before: (a: number, b: number) => boolean): OpDefinition {
  const dropped = (node: Node, shape: Shape, axis: number): Shape =>
    intAttribute(node, 'keepdims', 1) === 1
      ? shape.map((extent, i) => (i === axis ? 1 : extent))
      : shape.filter((_, i) => i !== axis);
  return {
    infer: (c) => {
      const { shape } = requiredType(c, 0);
      return [{ dtype: 'int64', shape: dropped(c.node, shape, axisOf(c.node, shape, 0)) }];
    },
    evaluate: (c) => {
      const x = requiredArray(c, 0);
      const axis = axisOf(c.node, x.shape, 0);
      const last = intAttribute(c.node, 'select_last_index', 0) === 1;
      const { data } = mapLines(x, axis, 1, (line) => [bestOf(line, before, last)]);
      return [{ dtype: 'int64', shape: dropped(c.node, x.shape, axis), data }];
    },
    gradients: [null],
  };
}

const topK: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const axis = axisOf(c.node, shape, -1);
    const [k = 0] = knownNumbers(c, 1);
    if (k > (shape[axis] ?? 0)) throw shapeError(c.node, `k up to ${shape[axis]}`, `${k}`);
    const result = shape.map((extent, i) => (i === axis ? k : extent));
    return [
      { dtype, shape: result },
      { dtype: 'int64', shape: result },
    ];
  },
  evaluate: (c) => {
    const x = requiredArray(c, 0);
    const [k = 0] = requiredArray(c, 1).data;
    const axis = axisOf(c.node, x.shape, -1);
    const sign = intAttribute(c.node, 'largest', 1) === 1 ? 1 : -1;
    const order = (line: Float64Array): number[] =>
      Array.from(line, (_, i) => i)
        .sort((a, b) => sign * ((line[b] ?? 0) - (line[a] ?? 0)) || a - b)
        .slice(0, k);
    return [
      mapLines(x, axis, k, (line) => order(line).map((i) => line[i] ?? 0)),
      { ...mapLines(x, axis, k, order), dtype: 'int64' },
    ];
  },
  // dx = zeros, with g where each value came from
  gradients: [
    (c) => {
      const axis = int(axisOf(c.node, c.x.shape, -1));
      return c.op('ScatterElements', [c.zeros(c.x.shape), c.output(1), c.g], { axis });
    },
    null,
  ],
};

const hardmax: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const x = requiredArray(c, 0);
    const axis = axisOf(c.node, x.shape, -1);
    const { extent } = linesOf(x.shape, axis);
    const chosen = (line: Float64Array): Float64Array => {
      const best = bestOf(line, (a, b) => a > b, false);
      return line.map((_, k) => (k === best ? 1 : 0));
    };
    return [mapLines(x, axis, extent, chosen)];
  },
  // Constant wherever it has a derivative.
  gradients: [null],
};

/** OneHot's axis and depth. */
function oneHotShape(c: InferContext | EvaluateContext, indices: Shape, depth: number) {
  const axis = normalizeAxis(intAttribute(c.node, 'axis', -1), indices.length + 1, c.node);
  return { axis, shape: [...indices.slice(0, axis), depth, ...indices.slice(axis)] };
}

const oneHot: OpDefinition = {
  infer: (c) => {
    const [depth = 0] = knownNumbers(c, 1);
    const { shape } = oneHotShape(c, requiredType(c, 0).shape, depth);
    return [{ dtype: requiredType(c, 2).dtype, shape }];
  },
  evaluate: (c) => {
    const indices = requiredArray(c, 0);
    const [depth = 0] = requiredArray(c, 1).data;
    const { dtype, data: values } = requiredArray(c, 2);
    const [off = 0, on = 1] = values;
    const { axis, shape } = oneHotShape(c, indices.shape, depth);
    const column = { ...indices, shape: [...shape.slice(0, axis), 1, ...shape.slice(axis + 1)] };
    const { data } = mapLines(column, axis, depth, ([index = 0]) => {
      const hot = index < 0 ? index + depth : index;
      return Array.from({ length: depth }, (_, k) => (k === hot ? on : off));
    });
    return [{ dtype, shape, data }];
  },
  gradients: [
    null,
    null,
    // With h the hot places as 1: d on = Σ g·h, d off = Σ g − d on
    ({ node, g, input, op, constant, reshape }) => {
      const values = fromNumeric({ dtype: g.dtype, shape: [2], data: Float64Array.of(0, 1) });
      const hot = op('OneHot', [input(0), input(1), constant(values)], node.attributes);
      const [on, all] = [op('ReduceSum', [op('Mul', [g, hot])]), op('ReduceSum', [g])];
      const each = (value: Value): Value => reshape(value, [1]);
      return op('Concat', [each(op('Sub', [all, on])), each(on)], { axis: int(0) });
    },
  ],
};

/** The positions that Compress keeps along its axis; without one, among all elements. */
function kept(condition: readonly number[]): readonly number[] {
  return condition.flatMap((flag, position) => (flag === 0 ? [] : [position]));
}

const compressAxis = (node: Node, shape: Shape): number | undefined =>
  node.attributes['axis'] === undefined ? undefined : axisOf(node, shape, 0);

const compress: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const count = kept(knownNumbers(c, 1)).length;
    const axis = compressAxis(c.node, shape);
    if (axis === undefined) return [{ dtype, shape: [count] }];
    return [{ dtype, shape: shape.map((extent, i) => (i === axis ? count : extent)) }];
  },
  evaluate: (c) => {
    const x = requiredArray(c, 0);
    const positions = kept(Array.from(requiredArray(c, 1).data));
    const axis = compressAxis(c.node, x.shape);
    const flat = axis === undefined ? { ...x, shape: [x.data.length] } : x;
    return [mapLines(flat, axis ?? 0, positions.length, (line) => positions.map((i) => line[i] ?? 0))];
  },
  // dx = zeros, with each slice of g where it was read
  gradients: [
    (c) => {
      const { node, x, g, known, constant, reshape } = c;
      const condition = known(c.input(1));
      const positions = kept(condition === undefined ? [] : numbersOf(condition));
      const axis = compressAxis(node, x.shape);
      const extent = axis === undefined ? sizeOf(x.shape) : (x.shape[axis] ?? 0);
      const indices = constant(int64([positions.length], positions));
      return reshape(scatterAddAlong(c, g, axis ?? 0, indices, extent), x.shape);
    },
    null,
  ],
};

export const selection: OpFamily<'ArgMax' | 'ArgMin' | 'Compress' | 'Hardmax' | 'OneHot' | 'TopK'> = {
  ArgMax: positionOf((a, b) => a > b),
  ArgMin: positionOf((a, b) => a < b),
  Compress: compress,
  Hardmax: hardmax,
  OneHot: oneHot,
  TopK: topK,
};
