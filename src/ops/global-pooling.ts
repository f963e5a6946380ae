import { intAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, GradientRule, OpDefinition, OpFamily, Value } from './definition.ts';
import { asType } from './elementwise.ts';
import { spatialInput } from './pooling.ts';
import { sumKeeping } from './reductions.ts';
import { requiredArray } from './shapes.ts';

/** A reduction of each plane to one number. */
function globalPool(
  reduce: (plane: Float64Array, node: Node) => number,
  gradient: GradientRule,
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
      for (let i = 0; i < result.length; i++) {
        result[i] = reduce(data.subarray(i * area, (i + 1) * area), c.node);
      }
      return [{ dtype, shape: resultShape(shape), data: result }];
    },
    gradients: [gradient],
  };
}

/** A value repeated to the shape of x. */
const spread = ({ op, constant, x }: GradientContext, value: Value): Value =>
  op('Expand', [value, constant(int64([x.shape.length], x.shape))]);

const powerOf = (node: Node): number => intAttribute(node, 'p', 2);

export const globalPooling: OpFamily<'GlobalAveragePool' | 'GlobalLpPool' | 'GlobalMaxPool'> = {
  // y = Σx/n: dx = g/n
  GlobalAveragePool: globalPool(
    (plane) => plane.reduce((sum, x) => sum + x, 0) / plane.length,
    (c) => spread(c, c.op('Mul', [c.g, 1 / sizeOf(c.x.shape.slice(2))])),
  ),
  // y = (Σ|x|ᵖ)^(1/p): dx = g·y^(1−p)·|x|^(p−1)·sign x
  GlobalLpPool: globalPool(
    (plane, node) => plane.reduce((sum, x) => sum + Math.abs(x) ** powerOf(node), 0) ** (1 / powerOf(node)),
    (c) => c.op('Mul', [normCotangent(c, powerOf(c.node)), normSlope(c, powerOf(c.node))]),
  ),
  // y = max x: dx = g where x is the largest, shared among ties
  GlobalMaxPool: globalPool(
    (plane) => plane.reduce((max, x) => Math.max(max, x), Number.NEGATIVE_INFINITY),
    (c) => {
      const largest = asType(c.op('Equal', [c.x, c.output(0)]), c.x.dtype, c.op);
      const axes = c.x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
      return c.op('Mul', [largest, c.op('Div', [c.g, sumKeeping(c, largest, axes)])]);
    },
  ),
};

/** g·y^(1−p), for y = (Σ|x|ᵖ)^(1/p); 0 where y is 0. */
export function normCotangent({ g, output, op }: GradientContext, p: number): Value {
  if (p === 1) return g;
  const zero = op('Equal', [output(0), 0]);
  const safe = op('Where', [zero, 1, output(0)]);
  return op('Where', [zero, 0, op('Mul', [g, op('Pow', [safe, 1 - p])])]);
}

/** |x|^(p−1)·sign x. */
export function normSlope({ x, op }: GradientContext, p: number): Value {
  if (p === 1) return op('Sign', [x]);
  if (p === 2) return x;
  return op('Mul', [op('Pow', [op('Abs', [x]), p - 1]), op('Sign', [x])]);
}
