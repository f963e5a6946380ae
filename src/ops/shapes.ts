import { GspfError } from '../errors.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf, type Tensor, type TensorType } from '../tensor.ts';
import type {
  EvaluateContext,
  GradientContext,
  InferContext,
  NumericArray,
  TypeContext,
} from './definition.ts';
import { fromNumeric } from './numeric.ts';

/** The shape that numpy broadcasting gives, or undefined where the shapes do not fit. */
export function broadcastShapes(shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const axis = rank - shape.length + i;
      const extent = shape[i] ?? 1;
      if (extent === 1 || extent === result[axis]) continue;
      if (result[axis] !== 1) return undefined;
      result[axis] = extent;
    }
  }
  return result;
}

/** Row-major strides, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}

/** Strides that read `shape` as if it had been broadcast to `target`: 0 along repeated axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, axis) => (axis < lead || shape[axis - lead] === 1 ? 0 : (own[axis - lead] ?? 0)));
}

/**
 * For each element of `shape` in row-major order, the offset that `strides` gives it.
 *
 * @returns int32 of length `sizeOf(shape)`
 */
export function offsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const result = new Int32Array(sizeOf(shape));
  const position = new Array<number>(shape.length).fill(0);
  let offset = start;
  for (let i = 0; i < result.length; i++) {
    result[i] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (position[axis] ?? 0) + 1;
      offset += strides[axis] ?? 0;
      if (next < (shape[axis] ?? 0)) {
        position[axis] = next;
        break;
      }
      offset -= next * (strides[axis] ?? 0);
      position[axis] = 0;
    }
  }
  return result;
}

/** `axis` counted from the front. @throws `graph/shape` where the rank has no such axis. */
export function normalizeAxis(axis: number, rank: number, node: Node): number {
  const result = axis < 0 ? axis + rank : axis;
  if (result < 0 || result >= Math.max(rank, 1)) {
    throw new GspfError('graph/shape', {
      subject: describeNode(node),
      expected: `an axis within [-${rank}, ${rank - 1}]`,
      got: `${axis}`,
    });
  }
  return result;
}

/** A shape error that names the node. */
export function shapeError(node: Node, expected: string, got: string): GspfError {
  return new GspfError('graph/shape', { subject: describeNode(node), expected, got });
}

/** A node of a known operator that gspf or onnxruntime cannot run as it is. */
export function refusal(node: Node, expected: string, got: string): GspfError {
  return new GspfError('graph/operator', { subject: describeNode(node), expected, got });
}

/** The type of input `i`. @throws `graph/invalid` where it is left out. */
export function requiredType({ node, inputs }: TypeContext, i: number): TensorType {
  const type = inputs[i];
  if (type === undefined) {
    throw new GspfError('graph/invalid', {
      subject: describeNode(node),
      expected: `input ${i}`,
      got: 'none',
    });
  }
  return type;
}

/** The value of input `i`. @throws `graph/invalid` where it is left out. */
export function requiredArray({ node, inputs }: EvaluateContext, i: number): NumericArray {
  const array = inputs[i];
  if (array === undefined) {
    throw new GspfError('graph/invalid', {
      subject: describeNode(node),
      expected: `input ${i}`,
      got: 'none',
    });
  }
  return array;
}

/**
 * The numbers of an input that decides a shape.
 *
 * @throws `graph/shape` where it is only known when the graph runs: shapes are fixed at compile time.
 */
export function knownNumbers({ node, constants }: InferContext, i: number): readonly number[] {
  const tensor = constants[i];
  if (tensor === undefined) {
    throw new GspfError('graph/shape', {
      subject: `${describeNode(node)}, input "${node.inputs[i] ?? ''}"`,
      expected: 'a value that is known at compile time, since it decides a shape',
      got: 'one that depends on the data',
    });
  }
  return numbersOf(tensor);
}

/** What a shape rule would see of evaluated inputs: all but the first are known. */
export function asInfer({ node, inputs }: EvaluateContext): InferContext {
  return {
    node,
    inputs,
    constants: inputs.map((array, i) => (array === undefined || i === 0 ? undefined : fromNumeric(array))),
  };
}

/** What the shape rule of a node sees again when its gradient is taken: every input but the first is known. */
export function knownContext({ node, x, input, known }: GradientContext): InferContext {
  const constants = node.inputs.map((name, i) => (i === 0 || name === '' ? undefined : known(input(i))));
  return { node, inputs: [x, ...constants.slice(1)], constants };
}

/** The elements of a tensor as doubles. */
export function numbersOf(tensor: Tensor): readonly number[] {
  return Array.from<number | bigint, number>(tensor.data, Number);
}
