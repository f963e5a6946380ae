import { intAttribute } from '../graph/attributes.ts';
import { string } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { requiredArray, requiredType, shapeError } from './shapes.ts';
import { windowCounts, windowReads, windowsOf } from './windows.ts';

/** The type of X `[n, c, …]`. @throws `graph/shape` where it has no spatial axis. */
function spatialInput(c: Pick<InferContext, 'node' | 'inputs'>) {
  const x = requiredType(c, 0);
  if (x.shape.length < 3) throw shapeError(c.node, 'X [n, c, …]', `[${x.shape}]`);
  return x;
}

function geometry(c: Pick<InferContext, 'node' | 'inputs'>) {
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
    const { dtype, shape } = geometry(c);
    return [
      { dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  evaluate: (c) => {
    const { dtype, extents, windows, counts, shape } = geometry(c);
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

/** A reduction of each plane to one number. */
function globalPool(
  reduce: (plane: Float64Array) => number,
  gradient: (c: GradientContext) => Value,
): OpDefinition {
  const resultShape = (shape: Shape) => shape.map((extent, axis) => (axis < 2 ? extent : 1));
  return {
    infer: (c) => {
      const { dtype, shape } = spatialInput(c);
      return [{ dtype, shape: resultShape(shape) }];
    },
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      const area = sizeOf(shape.slice(2));
      const result = new Float64Array(sizeOf(shape.slice(0, 2)));
      for (let i = 0; i < result.length; i++) result[i] = reduce(data.subarray(i * area, (i + 1) * area));
      return [{ dtype, shape: resultShape(shape), data: result }];
    },
    gradients: [gradient],
  };
}

/** A value repeated to the shape of x. */
const spread = ({ op, constant, x }: GradientContext, value: Value): Value =>
  op('Expand', [value, constant(int64([x.shape.length], x.shape))]);

export const pooling: OpFamily<'GlobalAveragePool' | 'MaxPool'> = {
  // y = Σx/n: dx = g/n
  GlobalAveragePool: globalPool(
    (plane) => plane.reduce((sum, x) => sum + x, 0) / plane.length,
    (c) => spread(c, c.op('Mul', [c.g, 1 / sizeOf(c.x.shape.slice(2))])),
  ),
  MaxPool: maxPool,
};
