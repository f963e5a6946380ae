import { intAttribute } from '../graph/attributes.ts';
import { int, type Node } from '../graph/graph.ts';
import { int64, type Shape } from '../tensor.ts';
import type { OpDefinition, OpFamily } from './definition.ts';
import { knownNumbers, normalizeAxis, offsets, requiredArray, requiredType, stridesOf } from './shapes.ts';

const cumSum: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const axis = normalizeAxis(requiredArray(c, 1).data[0] ?? 0, shape.length, c.node);
    const reverse = intAttribute(c.node, 'reverse', 0) === 1;
    const exclusive = intAttribute(c.node, 'exclusive', 0) === 1;
    const [extent, stride] = [shape[axis] ?? 1, stridesOf(shape)[axis] ?? 1];
    const result = new Float64Array(data.length);
    for (let start = 0; start < data.length; start++) {
      if (Math.floor(start / stride) % extent !== 0) continue;
      let sum = 0;
      for (let step = 0; step < extent; step++) {
        const at = start + (reverse ? extent - 1 - step : step) * stride;
        const next = sum + (data[at] ?? 0);
        result[at] = exclusive ? sum : next;
        sum = next;
      }
    }
    return [{ dtype, shape, data: result }];
  },
  // dx = the sums of g from the other end
  gradients: [
    ({ node, g, input, op }) =>
      op('CumSum', [g, input(1)], {
        exclusive: int(intAttribute(node, 'exclusive', 0)),
        reverse: int(1 - intAttribute(node, 'reverse', 0)),
      }),
    null,
  ],
};

const reverseSequence: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const lengths = requiredArray(c, 1).data;
    const [batch, time] = [intAttribute(c.node, 'batch_axis', 1), intAttribute(c.node, 'time_axis', 0)];
    const strides = stridesOf(shape);
    const coordinate = (at: number, axis: number): number =>
      Math.floor(at / (strides[axis] ?? 1)) % (shape[axis] ?? 1);
    const result = data.map((value, at) => {
      const [length, t] = [lengths[coordinate(at, batch)] ?? 0, coordinate(at, time)];
      return t < length ? (data[at + (length - 1 - 2 * t) * (strides[time] ?? 1)] ?? 0) : value;
    });
    return [{ dtype, shape, data: result }];
  },
  // Its own inverse.
  gradients: [({ node, g, input, op }) => op('ReverseSequence', [g, input(1)], node.attributes), null],
};

const tiledShape = (shape: Shape, repeats: readonly number[]): Shape =>
  shape.map((extent, axis) => extent * (repeats[axis] ?? 1));

const tile: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    return [{ dtype, shape: tiledShape(shape, knownNumbers(c, 1)) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const repeats = Array.from(requiredArray(c, 1).data);
    const strides = stridesOf(shape);
    // An axis as its copies, which move nothing, and its elements.
    const read = offsets(
      shape.flatMap((extent, axis) => [repeats[axis] ?? 1, extent]),
      strides.flatMap((stride) => [0, stride]),
    );
    const result = Float64Array.from(read, (offset) => data[offset] ?? 0);
    return [{ dtype, shape: tiledShape(shape, repeats), data: result }];
  },
  // dx = the sum of g over the copies
  gradients: [
    ({ x, g, op, constant, reshape }) => {
      const apart = x.shape.flatMap((extent, axis) => [
        extent === 0 ? 1 : (g.shape[axis] ?? 0) / extent,
        extent,
      ]);
      const copies = x.shape.map((_, axis) => 2 * axis);
      if (copies.length === 0) return g;
      const summed = op('ReduceSum', [reshape(g, apart), constant(int64([copies.length], copies))]);
      return reshape(summed, x.shape);
    },
    null,
  ],
};

const isUpper = (node: Node): boolean => intAttribute(node, 'upper', 1) === 1;

const trilu: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const k = c.inputs[1]?.data[0] ?? 0;
    const [rows = 1, columns = 1] = shape.slice(-2);
    const upper = isUpper(c.node);
    const result = data.map((value, at) => {
      const [row, column] = [Math.floor(at / columns) % rows, at % columns];
      const diagonal = column - row;
      return (upper ? diagonal >= k : diagonal <= k) ? value : 0;
    });
    return [{ dtype, shape, data: result }];
  },
  // dx = the same triangle of g
  gradients: [
    ({ node, g, input, op }) =>
      op('Trilu', [g, (node.inputs[1] ?? '') === '' ? undefined : input(1)], node.attributes),
    null,
  ],
};

export const sequences: OpFamily<'CumSum' | 'ReverseSequence' | 'Tile' | 'Trilu'> = {
  CumSum: cumSum,
  ReverseSequence: reverseSequence,
  Tile: tile,
  Trilu: trilu,
};
