import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import { elementType, elementTypeNumber } from '../graph/element-types.ts';
import { describeNode, int } from '../graph/graph.ts';
import { type DType, isFloat } from '../tensor.ts';
import type {
  Emit,
  EvaluateContext,
  GradientContext,
  GradientRule,
  InferContext,
  OpDefinition,
  OpFamily,
  Value,
} from './definition.ts';
import { erf } from './erf.ts';
import { requiredArray, requiredType } from './shapes.ts';

/** An operator of one input that keeps the shape. */
export function unary(
  f: (x: number) => number,
  gradient: GradientRule | null,
  resultType?: DType,
): OpDefinition {
  return {
    infer: (c) => {
      const { dtype, shape } = requiredType(c, 0);
      return [{ dtype: resultType ?? dtype, shape }];
    },
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      return [{ dtype: resultType ?? dtype, shape, data: data.map(f) }];
    },
    gradients: [gradient],
  };
}

const SQRT_1_2 = Math.SQRT1_2;
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

const isTanhGelu = (c: EvaluateContext | GradientContext): boolean =>
  stringAttribute(c.node, 'approximate', 'none') === 'tanh';

/**
 * ∂gelu/∂x = Φ(x) + x·φ(x), Φ and φ the standard normal's distribution and density: with u = x/√2 that is
 * ½(1 + erf u + u·e^(ln(2/√π) − u²)), in as few passes over the values as there are.
 */
function geluExactGradient({ x, g, op }: GradientContext): Value {
  const u = op('Mul', [x, SQRT_1_2]);
  const density = op('Exp', [op('Sub', [Math.log(2 / Math.sqrt(Math.PI)), op('Mul', [u, u])])]);
  const slope = op('Add', [op('Add', [op('Erf', [u]), 1]), op('Mul', [u, density])]);
  return op('Mul', [op('Mul', [g, 0.5]), slope]);
}

/** With u = √(2/π)(x + 0.044715x³), t = tanh u: ∂/∂x = ½(1 + t) + ½x(1 − t²)·√(2/π)(1 + 3·0.044715x²). */
function geluTanhGradient({ x, g, op }: GradientContext): Value {
  const squared = op('Mul', [x, x]);
  const u = op('Mul', [op('Mul', [x, SQRT_2_OVER_PI]), op('Add', [op('Mul', [squared, GELU_CUBIC]), 1])]);
  const t = op('Tanh', [u]);
  const slope = op('Mul', [op('Add', [op('Mul', [squared, 3 * GELU_CUBIC]), 1]), SQRT_2_OVER_PI]);
  const inner = op('Mul', [op('Mul', [x, op('Sub', [1, op('Mul', [t, t])])]), slope]);
  return op('Mul', [g, op('Mul', [op('Add', [op('Add', [t, 1]), inner]), 0.5])]);
}

function castTarget(c: InferContext | EvaluateContext): DType {
  return elementType(intAttribute(c.node, 'to', 1), `${describeNode(c.node)}, attribute "to"`);
}

const cast: OpDefinition = {
  infer: (c) => [{ dtype: castTarget(c), shape: requiredType(c, 0).shape }],
  evaluate: (c) => {
    const dtype = castTarget(c);
    const { shape, data } = requiredArray(c, 0);
    if (isFloat(dtype)) return [{ dtype, shape, data }];
    const convert = dtype === 'bool' ? (v: number) => (v === 0 ? 0 : 1) : Math.trunc;
    return [{ dtype, shape, data: data.map(convert) }];
  },
  // Between float types the derivative is 1, and from integers that stand for reals; to an integer there is none.
  gradients: [({ g, x, op }) => (isFloat(x.dtype) ? asType(g, x.dtype, op) : g)],
};

/** A value in another element type; itself where it has that one. */
export function asType(x: Value, dtype: DType, op: Emit): Value {
  return x.dtype === dtype ? x : op('Cast', [x], { to: int(elementTypeNumber(dtype)) });
}

export const elementwise: OpFamily<
  | 'Abs'
  | 'Erf'
  | 'Exp'
  | 'Gelu'
  | 'Identity'
  | 'IsNaN'
  | 'Log'
  | 'Neg'
  | 'Not'
  | 'Reciprocal'
  | 'Relu'
  | 'Sigmoid'
  | 'Sqrt'
  | 'Cast'
> = {
  // y = |x|: dx = g·sign(x)
  Abs: unary(Math.abs, ({ g, x, op }) => op('Mul', [g, op('Sign', [x])])),
  // y = erf x: dx = g·2/√π·exp(−x²)
  Erf: unary(erf, ({ g, x, op }) =>
    op('Mul', [g, op('Mul', [op('Exp', [op('Neg', [op('Mul', [x, x])])]), 2 / Math.sqrt(Math.PI)])]),
  ),
  // y = eˣ: dx = g·y
  Exp: unary(Math.exp, ({ g, output, op }) => op('Mul', [g, output(0)])),
  Gelu: {
    ...unary((x) => x, null),
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      const gelu = isTanhGelu(c)
        ? (x: number) => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + GELU_CUBIC * x ** 3)))
        : (x: number) => 0.5 * x * (1 + erf(x * SQRT_1_2));
      return [{ dtype, shape, data: data.map(gelu) }];
    },
    gradients: [(c) => (isTanhGelu(c) ? geluTanhGradient(c) : geluExactGradient(c))],
  },
  Identity: unary(
    (x) => x,
    ({ g }) => g,
  ),
  IsNaN: unary((x) => (Number.isNaN(x) ? 1 : 0), null, 'bool'),
  // y = ln x: dx = g/x
  Log: unary(Math.log, ({ g, x, op }) => op('Div', [g, x])),
  Neg: unary(
    (x) => -x,
    ({ g, op }) => op('Neg', [g]),
  ),
  Not: unary((x) => (x === 0 ? 1 : 0), null),
  // y = 1/x: dx = −g·y²
  Reciprocal: unary(
    (x) => 1 / x,
    ({ g, output, op }) => op('Neg', [op('Mul', [g, op('Mul', [output(0), output(0)])])]),
  ),
  // y = max(x, 0): dx = g where x > 0
  Relu: unary(
    (x) => Math.max(x, 0),
    ({ g, x, op }) => op('Where', [op('Greater', [x, 0]), g, 0]),
  ),
  // y = σ(x): dx = g·y(1 − y)
  Sigmoid: unary(
    (x) => 1 / (1 + Math.exp(-x)),
    ({ g, output, op }) => op('Mul', [g, op('Mul', [output(0), op('Sub', [1, output(0)])])]),
  ),
  // y = √x: dx = g/(2y)
  Sqrt: unary(Math.sqrt, ({ g, output, op }) => op('Div', [op('Mul', [g, 0.5]), output(0)])),
  Cast: cast,
};
