import { intAttribute, intsAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import type { Shape } from '../tensor.ts';
import type { EvaluateContext, GradientContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { sumKeeping } from './reductions.ts';
import { normalizeAxis, offsets, requiredArray, requiredType, stridesOf } from './shapes.ts';
import { mean, standardizeSlope } from './standardization.ts';

/** Every vector along some axes, replaced by what `f` makes of it. */
function mapVectors(
  c: EvaluateContext,
  axes: readonly number[],
  f: (vector: readonly number[]) => readonly number[],
) {
  const { dtype, shape, data } = requiredArray(c, 0);
  const strides = stridesOf(shape);
  const part = (kept: boolean) => shape.map((extent, axis) => (axes.includes(axis) === kept ? extent : 1));
  const inner = offsets(part(true), strides);
  const result = new Float64Array(data.length);
  for (const start of offsets(part(false), strides)) {
    const vector = f(Array.from(inner, (offset) => data[start + offset] ?? 0));
    inner.forEach((offset, i) => {
      result[start + offset] = vector[i] ?? 0;
    });
  }
  return [{ dtype, shape, data: result }];
}

const axisOf = (node: Node, shape: Shape): number =>
  normalizeAxis(intAttribute(node, 'axis', -1), shape.length, node);

const powerOf = (node: Node): number => intAttribute(node, 'p', 2);

/** ‖x‖ along the axis, which is kept; 1 where it is 0. */
function norm(c: GradientContext, axis: number): Value {
  const { x, op } = c;
  const length =
    powerOf(c.node) === 1
      ? sumKeeping(c, op('Abs', [x]), [axis])
      : op('Sqrt', [sumKeeping(c, op('Mul', [x, x]), [axis])]);
  return op('Where', [op('Equal', [length, 0]), 1, length]);
}

const lpNormalization: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const p = powerOf(c.node);
    return mapVectors(c, [axisOf(c.node, requiredArray(c, 0).shape)], (vector) => {
      const length = vector.reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p);
      return vector.map((x) => (length === 0 ? x : x / length));
    });
  },
  // y = x/n: dx = (g − ∂n/∂x·Σ(g·y))/n with ∂n/∂x = y for p = 2, sign x for p = 1
  gradients: [
    (c) => {
      const axis = axisOf(c.node, c.x.shape);
      const along = sumKeeping(c, c.op('Mul', [c.g, c.output(0)]), [axis]);
      const slope = powerOf(c.node) === 1 ? c.op('Sign', [c.x]) : c.output(0);
      return c.op('Div', [c.op('Sub', [c.g, c.op('Mul', [slope, along])]), norm(c, axis)]);
    },
  ],
};

/** What ONNX's definition of MeanVarianceNormalization adds to the deviation. */
const MVN_EPSILON = 1e-9;

const averagedAxes = (node: Node, shape: Shape): readonly number[] =>
  (intsAttribute(node, 'axes') ?? [0, 2, 3]).map((axis) => normalizeAxis(axis, shape.length, node));

const meanVarianceNormalization: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) =>
    mapVectors(c, averagedAxes(c.node, requiredArray(c, 0).shape), (vector) => {
      const average = vector.reduce((sum, x) => sum + x, 0) / vector.length;
      const variance = vector.reduce((sum, x) => sum + (x - average) ** 2, 0) / vector.length;
      return vector.map((x) => (x - average) / (Math.sqrt(variance) + MVN_EPSILON));
    }),
  gradients: [
    (c) => {
      const axes = averagedAxes(c.node, c.x.shape);
      const centred = c.op('Sub', [c.x, mean(c, c.x, axes)]);
      const deviation = c.op('Sqrt', [mean(c, c.op('Mul', [centred, centred]), axes)]);
      const inverse = c.op('Reciprocal', [c.op('Add', [deviation, MVN_EPSILON])]);
      return standardizeSlope(c, c.g, { xHat: c.output(0), inverse }, axes);
    },
  ],
};

export const vectorNormalization: OpFamily<'LpNormalization' | 'MeanVarianceNormalization'> = {
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
};
