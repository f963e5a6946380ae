import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import { int, ints, type Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientRule, InferContext, OpDefinition, OpFamily } from './definition.ts';
import {
  asInfer,
  broadcastShapes,
  broadcastStrides,
  knownNumbers,
  normalizeAxis,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
  stridesOf,
} from './shapes.ts';

/** dx = g in x's shape: for every operator that only renames positions. */
const reshapeBack: GradientRule = ({ g, x, reshape }) => reshape(g, x.shape);

/** An operator that keeps the elements in their order and changes the shape. */
function relabel(target: (c: InferContext, shape: Shape) => Shape): OpDefinition {
  const infer = (c: InferContext) => {
    const { dtype, shape } = requiredType(c, 0);
    const result = target(c, shape);
    if (sizeOf(result) !== sizeOf(shape) || !result.every(Number.isInteger)) {
      throw shapeError(c.node, `a shape of ${sizeOf(shape)} elements, as [${shape}] has`, `[${result}]`);
    }
    return [{ dtype, shape: result }];
  };
  return {
    infer,
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      return [{ dtype, shape: target(asInfer(c), shape), data }];
    },
    gradients: [reshapeBack, null],
  };
}

function reshapeTarget(c: InferContext, shape: Shape): Shape {
  const keepZero = intAttribute(c.node, 'allowzero', 0) === 1;
  const wanted = knownNumbers(c, 1).map((extent, axis) =>
    extent === 0 && !keepZero ? (shape[axis] ?? 0) : extent,
  );
  const rest = wanted.filter((extent) => extent !== -1).reduce((a, b) => a * b, 1);
  return wanted.map((extent) => (extent === -1 ? sizeOf(shape) / Math.max(rest, 1) : extent));
}

/** `axes` of Squeeze, Unsqueeze: the second input since opset 13. */
function axesOf(c: InferContext, rank: number): readonly number[] | undefined {
  if (c.inputs[1] === undefined) return undefined;
  return knownNumbers(c, 1).map((axis) => normalizeAxis(axis, rank, c.node));
}

function unsqueezeTarget(c: InferContext, shape: Shape): Shape {
  const added = c.inputs[1] === undefined ? [] : knownNumbers(c, 1);
  const rank = shape.length + added.length;
  const axes = new Set(added.map((axis) => normalizeAxis(axis, rank, c.node)));
  const rest = shape[Symbol.iterator]();
  return Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.next().value ?? 1)));
}

function squeezeTarget(c: InferContext, shape: Shape): Shape {
  const axes = axesOf(c, shape.length);
  return shape.filter((extent, axis) => (axes === undefined ? extent !== 1 : !axes.includes(axis)));
}

function flattenTarget({ node }: InferContext, shape: Shape): Shape {
  const axis = intAttribute(node, 'axis', 1);
  const split = axis < 0 ? axis + shape.length : axis;
  return [sizeOf(shape.slice(0, split)), sizeOf(shape.slice(split))];
}

function permutation(node: Node, rank: number): readonly number[] {
  return intsAttribute(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
}

const transpose: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    const perm = permutation(c.node, shape.length);
    if (perm.length !== shape.length) {
      throw shapeError(c.node, `a permutation of ${shape.length} axes`, `[${perm}]`);
    }
    return [{ dtype, shape: perm.map((axis) => shape[axis] ?? 1) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const perm = permutation(c.node, shape.length);
    const result = perm.map((axis) => shape[axis] ?? 1);
    const strides = stridesOf(shape);
    const read = offsets(
      result,
      perm.map((axis) => strides[axis] ?? 1),
    );
    return [{ dtype, shape: result, data: Float64Array.from(read, (offset) => data[offset] ?? 0) }];
  },
  // dx = gᵀ under the inverse permutation
  gradients: [
    ({ node, g, x, op }) => {
      const perm = permutation(node, x.shape.length);
      return op('Transpose', [g], { perm: ints(perm.map((_, axis) => perm.indexOf(axis))) });
    },
  ],
};

function expandTarget(c: InferContext, shape: Shape): Shape {
  const wanted = knownNumbers(c, 1);
  const result = broadcastShapes([shape, wanted]);
  if (result === undefined) throw shapeError(c.node, `a shape that [${shape}] broadcasts to`, `[${wanted}]`);
  return result;
}

const expand: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    return [{ dtype, shape: expandTarget(c, shape) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const result = expandTarget(asInfer(c), shape);
    const read = offsets(result, broadcastStrides(shape, result));
    return [{ dtype, shape: result, data: Float64Array.from(read, (offset) => data[offset] ?? 0) }];
  },
  // Broadcasting is undone by `differentiate`.
  gradients: [({ g }) => g, null],
};

const concat: OpDefinition = {
  infer: (c) => {
    const types = c.node.inputs.map((_, i) => requiredType(c, i));
    const first = requiredType(c, 0);
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), first.shape.length, c.node);
    for (const { shape } of types) {
      const fits = shape.length === first.shape.length;
      if (!fits || shape.some((extent, i) => i !== axis && extent !== first.shape[i])) {
        throw shapeError(
          c.node,
          `shapes that differ along axis ${axis} only`,
          `[${first.shape}] and [${shape}]`,
        );
      }
    }
    const total = types.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
    return [{ dtype: first.dtype, shape: first.shape.map((extent, i) => (i === axis ? total : extent)) }];
  },
  evaluate: (c) => {
    const arrays = c.node.inputs.map((_, i) => requiredArray(c, i));
    const { dtype, shape } = requiredArray(c, 0);
    const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length, c.node);
    const total = arrays.reduce((sum, array) => sum + (array.shape[axis] ?? 0), 0);
    const result = shape.map((extent, i) => (i === axis ? total : extent));
    const data = new Float64Array(sizeOf(result));
    const strides = stridesOf(result);
    let start = 0;
    for (const array of arrays) {
      const write = offsets(array.shape, strides, start * (strides[axis] ?? 1));
      for (let i = 0; i < write.length; i++) data[write[i] ?? 0] = array.data[i] ?? 0;
      start += array.shape[axis] ?? 0;
    }
    return [{ dtype, shape: result, data }];
  },
  // dxᵢ = the part of g that xᵢ became
  gradients: [
    ({ node, index, x, g, op, input, constant }) => {
      const axis = normalizeAxis(intAttribute(node, 'axis', 0), x.shape.length, node);
      let start = 0;
      for (let i = 0; i < index; i++) start += input(i).shape[axis] ?? 0;
      const bounds = [start, start + (x.shape[axis] ?? 0), axis].map((n) => constant(int64([1], [n])));
      return op('Slice', [g, ...bounds]);
    },
  ],
};

function splitSizes(c: InferContext): { axis: number; sizes: readonly number[]; shape: Shape } {
  const { shape } = requiredType(c, 0);
  const axis = normalizeAxis(intAttribute(c.node, 'axis', 0), shape.length, c.node);
  const extent = shape[axis] ?? 0;
  if (c.inputs[1] !== undefined) {
    const sizes = knownNumbers(c, 1);
    if (sizes.reduce((sum, size) => sum + size, 0) !== extent) {
      throw shapeError(c.node, `sizes that add up to ${extent}`, `[${sizes}]`);
    }
    return { axis, sizes, shape };
  }
  const parts = intAttribute(c.node, 'num_outputs', c.node.outputs.length);
  const size = Math.ceil(extent / parts);
  if (size * (parts - 1) > extent) {
    throw shapeError(
      c.node,
      `an extent that gives ${parts} parts of ${size}, the last one smaller`,
      `${extent}`,
    );
  }
  return { axis, sizes: Array.from({ length: parts }, (_, i) => Math.min(size, extent - i * size)), shape };
}

const split: OpDefinition = {
  infer: (c) => {
    const { dtype } = requiredType(c, 0);
    const { axis, sizes, shape } = splitSizes(c);
    return sizes.map((size) => ({ dtype, shape: shape.map((extent, i) => (i === axis ? size : extent)) }));
  },
  evaluate: (c) => {
    const { dtype, data } = requiredArray(c, 0);
    const { axis, sizes, shape } = splitSizes(asInfer(c));
    const strides = stridesOf(shape);
    let start = 0;
    return sizes.map((size) => {
      const part = shape.map((extent, i) => (i === axis ? size : extent));
      const read = offsets(part, strides, start * (strides[axis] ?? 1));
      start += size;
      return { dtype, shape: part, data: Float64Array.from(read, (offset) => data[offset] ?? 0) };
    });
  },
  // dx = the parts' cotangents side by side, zeros where the loss ignores a part
  gradients: [
    ({ node, x, op, output, cotangent, zeros }) => {
      const axis = normalizeAxis(intAttribute(node, 'axis', 0), x.shape.length, node);
      const parts = node.outputs.map((_, i) => cotangent(i) ?? zeros(output(i).shape));
      return op('Concat', parts, { axis: int(axis) });
    },
    null,
  ],
};

export const reshaping: OpFamily<
  'Concat' | 'Expand' | 'Flatten' | 'Reshape' | 'Split' | 'Squeeze' | 'Transpose' | 'Unsqueeze'
> = {
  Concat: concat,
  Expand: expand,
  Flatten: relabel(flattenTarget),
  Reshape: relabel(reshapeTarget),
  Split: split,
  Squeeze: relabel(squeezeTarget),
  Transpose: transpose,
  Unsqueeze: relabel(unsqueezeTarget),
};
