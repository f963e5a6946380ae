import { GspfError } from '../errors.ts';
import { intAttribute, tensorAttribute } from '../graph/attributes.ts';
import { elementType } from '../graph/element-types.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import { type DType, float32, int64, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import type { OpFamily } from './definition.ts';
import { toNumeric } from './numeric.ts';
import { knownNumbers, numbersOf, requiredArray, requiredType } from './shapes.ts';

/** The tensor that a Constant node holds, in whichever of its attributes. */
function constantValue(node: Node): Tensor {
  const [attribute] = Object.values(node.attributes);
  switch (attribute?.type) {
    case 'tensor':
      return attribute.value;
    case 'int':
      return int64([], [attribute.value]);
    case 'ints':
      return int64([attribute.value.length], attribute.value);
    case 'float':
      return float32([], [attribute.value]);
    case 'floats':
      return float32([attribute.value.length], attribute.value);
    default:
      throw new GspfError('graph/operator', {
        subject: describeNode(node),
        expected: 'a tensor or numbers',
        got: attribute?.type ?? 'no attribute',
      });
  }
}

const fillValue = (node: Node): Tensor => tensorAttribute(node, 'value') ?? float32([1], [0]);

/** The element type that an EyeLike node names. */
function eyeType(node: Node): DType | undefined {
  const { dtype } = node.attributes;
  return dtype?.type === 'int' ? elementType(dtype.value, describeNode(node)) : undefined;
}

/** How many numbers Range gives. */
const rangeLength = (start: number, limit: number, step: number): number =>
  Math.max(0, Math.ceil((limit - start) / step));

export const constants: OpFamily<'Constant' | 'ConstantOfShape' | 'EyeLike' | 'Range' | 'Shape' | 'Size'> = {
  Constant: {
    infer: ({ node }) => [constantValue(node)],
    evaluate: ({ node }) => [toNumeric(constantValue(node))],
    gradients: [null],
  },
  ConstantOfShape: {
    infer: (c) => [{ dtype: fillValue(c.node).dtype, shape: knownNumbers(c, 0) }],
    evaluate: (c) => {
      const { dtype } = fillValue(c.node);
      const shape = Array.from(requiredArray(c, 0).data);
      const [value = 0] = numbersOf(fillValue(c.node));
      return [{ dtype, shape, data: new Float64Array(sizeOf(shape)).fill(value) }];
    },
    gradients: [null],
  },
  EyeLike: {
    infer: (c) => [{ dtype: eyeType(c.node) ?? requiredType(c, 0).dtype, shape: requiredType(c, 0).shape }],
    evaluate: (c) => {
      const { dtype, shape } = requiredArray(c, 0);
      const [columns = 1, k] = [shape[1], intAttribute(c.node, 'k', 0)];
      const isOne = (at: number): boolean => (at % columns) - Math.floor(at / columns) === k;
      const data = Float64Array.from({ length: sizeOf(shape) }, (_, at) => (isOne(at) ? 1 : 0));
      return [{ dtype: eyeType(c.node) ?? dtype, shape, data }];
    },
    gradients: [null],
  },
  Range: {
    infer: (c) => {
      const [start = 0, limit = 0, step = 1] = [0, 1, 2].map((i) => knownNumbers(c, i)[0] ?? 0);
      return [{ dtype: requiredType(c, 0).dtype, shape: [rangeLength(start, limit, step)] }];
    },
    evaluate: (c) => {
      const [start = 0, limit = 0, step = 1] = [0, 1, 2].map((i) => requiredArray(c, i).data[0] ?? 0);
      const length = rangeLength(start, limit, step);
      const data = Float64Array.from({ length }, (_, i) => start + i * step);
      return [{ dtype: requiredArray(c, 0).dtype, shape: [length], data }];
    },
    gradients: [null],
  },
  Shape: {
    infer: (c) => [{ dtype: 'int64', shape: [shapeSlice(c.node, requiredType(c, 0).shape).length] }],
    evaluate: (c) => {
      const shape = shapeSlice(c.node, requiredArray(c, 0).shape);
      return [{ dtype: 'int64', shape: [shape.length], data: Float64Array.from(shape) }];
    },
    gradients: [null],
  },
  Size: {
    infer: () => [{ dtype: 'int64', shape: [] }],
    evaluate: (c) => [
      { dtype: 'int64', shape: [], data: Float64Array.of(sizeOf(requiredArray(c, 0).shape)) },
    ],
    gradients: [null],
  },
};

/** What Shape and Size give for an input of that shape, whatever its values; undefined for other operators. */
export function fromShape(node: Node, shape: Shape): Tensor | undefined {
  if (node.opType === 'Size') return int64([], [sizeOf(shape)]);
  if (node.opType !== 'Shape') return undefined;
  const extents = shapeSlice(node, shape);
  return int64([extents.length], extents);
}

/** The extents that a Shape node asks for: its `start` and `end` are since opset 15. */
function shapeSlice(node: Node, shape: readonly number[]): readonly number[] {
  const { start, end } = node.attributes;
  return shape.slice(start?.type === 'int' ? start.value : 0, end?.type === 'int' ? end.value : undefined);
}
