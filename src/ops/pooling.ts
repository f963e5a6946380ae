import { intAttribute } from '../graph/attributes.ts';
import { string } from '../graph/graph.ts';
import { int64, type Shape, sizeOf, type TensorType } from '../tensor.ts';
import type {
  GradientContext,
  InferContext,
  OpDefinition,
  OpFamily,
  TypeContext,
  Value,
} from './definition.ts';
import { asInfer, knownNumbers, requiredArray, requiredType, shapeError } from './shapes.ts';
import { type Windows, windowCounts, windowReads, windowsOf } from './windows.ts';

/** The type of X `[n, c, …]`. @throws `graph/shape` where it has no spatial axis. */
export function spatialInput(c: TypeContext): TensorType {
  const x = requiredType(c, 0);
  if (x.shape.length < 3) throw shapeError(c.node, 'X [n, c, …]', `[${x.shape}]`);
  return x;
}

/** What a pooling node reads and gives: `extents` and `counts` are spatial, `shape` is that of the result. */
interface PoolGeometry extends TensorType {
  readonly extents: Shape;
  readonly windows: Windows;
  readonly counts: Shape;
}

/** The windows of a pooling node and the shape that they give. */
export function poolGeometry(c: TypeContext): PoolGeometry {
  const { dtype, shape } = spatialInput(c);
  const extents = shape.slice(2);
  const windows = windowsOf(c.node, extents);
  const counts = windowCounts(c.node, extents, windows);
  return { dtype, extents, windows, counts, shape: [...shape.slice(0, 2), ...counts] };
}

const isColumnMajor = ({ node }: Pick<InferContext, 'node'>): boolean =>
  intAttribute(node, 'storage_order', 0) === 1;

/** A flat row-major position within a plane as a column-major one. */
function columnMajor(position: number, extents: Shape): number {
  let [rest, result] = [position, 0];
  for (let axis = extents.length - 1; axis >= 0; axis--) {
    const extent = extents[axis] ?? 1;
    result += (rest % extent) * sizeOf(extents.slice(0, axis));
    rest = Math.floor(rest / extent);
  }
  return result;
}

const maxPool: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = poolGeometry(c);
    return [
      { dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  evaluate: (c) => {
    const { dtype, extents, windows, counts, shape } = poolGeometry(c);
    const { data } = requiredArray(c, 0);
    const reads = windowReads(extents, counts, windows);
    const [area, perPlane] = [sizeOf(extents), sizeOf(counts)];
    const kernelSize = sizeOf(windows.kernel);
    const values = new Float64Array(sizeOf(shape)).fill(Number.NEGATIVE_INFINITY);
    const positions = new Float64Array(values.length).fill(-1);
    for (let at = 0; at < values.length; at++) {
      const plane = Math.floor(at / perPlane) * area;
      for (let k = 0; k < kernelSize; k++) {
        const read = reads[(at % perPlane) * kernelSize + k] ?? -1;
        if (read < 0 || !((data[plane + read] ?? 0) > (values[at] ?? 0))) continue;
        values[at] = data[plane + read] ?? 0;
        positions[at] = plane + (isColumnMajor(c) ? columnMajor(read, extents) : read);
      }
    }
    return [
      { dtype, shape, data: values },
      { dtype: 'int64', shape, data: positions },
    ];
  },
  // dx = zeros, with each element of g added where the largest element stood
  gradients: [
    (c) => {
      const size = sizeOf(c.x.shape);
      const positions = rowMajorPositions(c);
      const flat = (value: Value) => c.reshape(value, [sizeOf(value.shape)]);
      const sums = c.op('ScatterElements', [c.zeros([size]), flat(positions), flat(c.g)], {
        reduction: string('add'),
      });
      return c.reshape(sums, c.x.shape);
    },
  ],
};

/** Where each window found its largest element, counted through all of x. */
function rowMajorPositions(c: GradientContext): Value {
  if (!isColumnMajor(c)) return c.output(1);
  const extents = c.x.shape.slice(2);
  const area = sizeOf(extents);
  const planes = c.x.shape.slice(0, 2);
  const starts = Array.from({ length: sizeOf(planes) }, (_, plane) => plane * area);
  const start = c.constant(int64([...planes, ...extents.map(() => 1)], starts));
  const order = Array.from({ length: area }, () => 0);
  for (let position = 0; position < area; position++) order[columnMajor(position, extents)] = position;
  const row = c.op('Gather', [c.constant(int64([area], order)), c.op('Sub', [c.output(1), start])]);
  return c.op('Add', [start, row]);
}

/**
 * How large MaxUnpool's result is: what `output_shape` says, else what the pooling with these windows had read.
 */
function unpooledShape(c: InferContext): Shape {
  const { shape } = spatialInput(c);
  if (c.inputs[2] !== undefined) return knownNumbers(c, 2);
  const { kernel, strides, before, after } = windowsOf(c.node, shape.slice(2));
  const extents = shape
    .slice(2)
    .map(
      (extent, axis) =>
        (extent - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1) - (before[axis] ?? 0) - (after[axis] ?? 0),
    );
  return [...shape.slice(0, 2), ...extents];
}

const maxUnpool: OpDefinition = {
  infer: (c) => [{ dtype: requiredType(c, 0).dtype, shape: unpooledShape(c) }],
  evaluate: (c) => {
    const { dtype, data } = requiredArray(c, 0);
    const indices = requiredArray(c, 1).data;
    const shape = unpooledShape(asInfer(c));
    const result = new Float64Array(sizeOf(shape));
    indices.forEach((index, i) => {
      result[index] = data[i] ?? 0;
    });
    return [{ dtype, shape, data: result }];
  },
  // dx = g where each element went
  gradients: [({ g, input, op, reshape }) => op('Gather', [reshape(g, [sizeOf(g.shape)]), input(1)]), null],
};

export const pooling: OpFamily<'MaxPool' | 'MaxUnpool'> = { MaxPool: maxPool, MaxUnpool: maxUnpool };
