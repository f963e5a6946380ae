import { GspfError } from '../errors.ts';
import { intAttribute } from '../graph/attributes.ts';
import { describeNode, int, type Node, string } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, NumericArray, OpDefinition, OpFamily, Value } from './definition.ts';
import { normalizeAxis, requiredArray, requiredType, stridesOf } from './shapes.ts';

/** An index that may count from the end. @throws `runtime/failed` where it is out of range. */
function wrapIndex(index: number, extent: number, node: Node): number {
  const wrapped = index < 0 ? index + extent : index;
  if (wrapped >= 0 && wrapped < extent) return wrapped;
  throw new GspfError('runtime/failed', {
    subject: describeNode(node),
    expected: `an index below ${extent}`,
    got: `${index}`,
  });
}

/**
 * Zeros of `extent` along `axis`, with the slices of `updates` added at `indices`.
 *
 * `updates` has the shape of the result with `axis` replaced by the axes of `indices`. Not by ScatterND, whose
 * additions race in onnxruntime 1.30 on CPU where an index occurs twice and there are several threads.
 */
export function scatterAddAlong(
  c: GradientContext,
  updates: Value,
  axis: number,
  indices: Value,
  extent: number,
): Value {
  const { op, constant, reshape, zeros } = c;
  const count = sizeOf(indices.shape);
  const outer = updates.shape.slice(0, axis);
  const inner = updates.shape.slice(axis + indices.shape.length);
  const slices = reshape(updates, [...outer, count, ...inner]);
  const column = reshape(indices, [...outer.map(() => 1), count, ...inner.map(() => 1)]);
  const everywhere = op('Expand', [column, constant(int64([slices.shape.length], slices.shape))]);
  const base = zeros([...outer, extent, ...inner]);
  return op('ScatterElements', [base, everywhere, slices], { axis: int(axis), reduction: string('add') });
}

const gather: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const indices = requiredType(c, 1);
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length, c.node);
    return [{ dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)] }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const indices = requiredArray(c, 1);
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length, c.node);
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const extent = shape[axis] ?? 0;
    const result = new Float64Array(outer * indices.data.length * inner);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < indices.data.length; i++) {
        const from = (o * extent + wrapIndex(indices.data[i] ?? 0, extent, c.node)) * inner;
        result.set(data.subarray(from, from + inner), (o * indices.data.length + i) * inner);
      }
    }
    return [
      { dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)], data: result },
    ];
  },
  // dx = zeros, with each slice of g added where it was read
  gradients: [
    (c) => {
      const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), c.x.shape.length, c.node);
      return scatterAddAlong(c, c.g, axis, c.input(1), c.x.shape[axis] ?? 0);
    },
    null,
  ],
};

/** For GatherElements and ScatterElements: where in `shape` each element of `indices` points. */
export function elementOffsets(shape: Shape, indices: NumericArray, axis: number, node: Node): Int32Array {
  const strides = stridesOf(shape);
  const own = stridesOf(indices.shape);
  return Int32Array.from(indices.data, (index, position) => {
    let offset = 0;
    let rest = position;
    for (let i = 0; i < own.length; i++) {
      const coordinate = Math.floor(rest / (own[i] ?? 1));
      rest -= coordinate * (own[i] ?? 1);
      offset += (i === axis ? wrapIndex(index, shape[i] ?? 0, node) : coordinate) * (strides[i] ?? 1);
    }
    return offset;
  });
}

export const elementAxis = (node: Node, shape: Shape): number =>
  normalizeAxis(intAttribute(node, 'axis', 0), shape.length, node);

const gatherElements: OpDefinition = {
  infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: requiredType(c, 1).shape }],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const indices = requiredArray(c, 1);
    const read = elementOffsets(shape, indices, elementAxis(c.node, shape), c.node);
    return [{ dtype, shape: indices.shape, data: Float64Array.from(read, (offset) => data[offset] ?? 0) }];
  },
  // dx = zeros, with each element of g added where it was read
  gradients: [
    (c) =>
      c.op('ScatterElements', [c.zeros(c.x.shape), c.input(1), c.g], {
        axis: int(elementAxis(c.node, c.x.shape)),
        reduction: string('add'),
      }),
    null,
  ],
};

/** For GatherND and ScatterND: the offset of each indexed slice, and the slice's size. */
export function sliceOffsets(
  shape: Shape,
  indices: NumericArray,
  batchDims: number,
  node: Node,
): { readonly starts: Int32Array; readonly size: number } {
  const depth = indices.shape.at(-1) ?? 0;
  const strides = stridesOf(shape);
  const count = indices.data.length / Math.max(depth, 1);
  const perBatch = count / sizeOf(shape.slice(0, batchDims));
  const batchSize = sizeOf(shape.slice(batchDims));
  const starts = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    let offset = Math.floor(i / perBatch) * batchSize;
    for (let j = 0; j < depth; j++) {
      const axis = batchDims + j;
      offset += wrapIndex(indices.data[i * depth + j] ?? 0, shape[axis] ?? 0, node) * (strides[axis] ?? 1);
    }
    starts[i] = offset;
  }
  return { starts, size: sizeOf(shape.slice(batchDims + depth)) };
}

/** The offsets of all elements of the slices. */
export function spread(starts: Int32Array, size: number): Int32Array {
  const result = new Int32Array(starts.length * size);
  for (let i = 0; i < result.length; i++) result[i] = (starts[Math.floor(i / size)] ?? 0) + (i % size);
  return result;
}

const gatherND: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const indices = requiredType(c, 1).shape;
    const batchDims = intAttribute(c.node, 'batch_dims', 0);
    return [{ dtype, shape: [...indices.slice(0, -1), ...shape.slice(batchDims + (indices.at(-1) ?? 0))] }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const indices = requiredArray(c, 1);
    const batchDims = intAttribute(c.node, 'batch_dims', 0);
    const { starts, size } = sliceOffsets(shape, indices, batchDims, c.node);
    const result = [...indices.shape.slice(0, -1), ...shape.slice(batchDims + (indices.shape.at(-1) ?? 0))];
    return [{ dtype, shape: result, data: Float64Array.from(spread(starts, size), (at) => data[at] ?? 0) }];
  },
  // dx = zeros, with each slice of g added where it was read
  gradients: [(c) => scatterSlices(c, c.g, c.input(1), intAttribute(c.node, 'batch_dims', 0)), null],
};

/**
 * Zeros of x's shape, with the slices of `updates` added where GatherND's `indices` point: by the number of each
 * slice, counted along all indexed axes.
 */
function scatterSlices(c: GradientContext, updates: Value, indices: Value, batchDims: number): Value {
  const { op, constant, reshape, x } = c;
  const depth = indices.shape.at(-1) ?? 0;
  const batch = x.shape.slice(0, batchDims);
  const extents = x.shape.slice(batchDims, batchDims + depth);
  const vector = (values: readonly number[]): Value => constant(int64([values.length], values));
  const fromFront = op('Where', [op('Less', [indices, 0]), op('Add', [indices, vector(extents)]), indices]);
  const terms = op('Mul', [fromFront, vector(stridesOf(extents))]);
  const inBatch = op('ReduceSum', [terms, vector([-1])], { keepdims: int(0) });
  const starts = Array.from({ length: sizeOf(batch) }, (_, i) => i * sizeOf(extents));
  const alongBatch = [...batch, ...inBatch.shape.slice(batchDims).map(() => 1)];
  const numbers = batchDims === 0 ? inBatch : op('Add', [inBatch, constant(int64(alongBatch, starts))]);
  return reshape(scatterAddAlong(c, updates, 0, numbers, sizeOf(batch) * sizeOf(extents)), x.shape);
}

export const indexing: OpFamily<'Gather' | 'GatherElements' | 'GatherND'> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
};
