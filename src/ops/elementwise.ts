import { intAttribute, stringAttribute } from '../graph/attributes.ts';
import { elementType, elementTypeNumber } from '../graph/element-types.ts';
import { describeNode, int } from '../graph/graph.ts';
import { type DType, isFloat, sizeOf } from '../tensor.ts';
import type {
  Emit,
  EvaluateContext,
  GradientContext,
  GradientRule,
  InferContext,
  NumericArray,
  OpDefinition,
  OpFamily,
  Value,
} from './definition.ts';
import { erf } from './erf.ts';
import {
  broadcastShapes,
  broadcastStrides,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
} from './shapes.ts';

/** An operator of one input that keeps the shape. */
function unary(f: (x: number) => number, gradient: GradientRule | null, resultType?: DType): OpDefinition {
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

/** The common shape of all inputs. @throws `graph/shape` where they do not broadcast. */
function inferBroadcast(c: InferContext) {
  const types = c.node.inputs.map((_, i) => requiredType(c, i));
  const shape = broadcastShapes(types.map((type) => type.shape));
  if (shape === undefined) {
    throw shapeError(c.node, 'shapes that broadcast', types.map(({ shape }) => `[${shape}]`).join(' and '));
  }
  return { types, shape };
}

/** An operator of two inputs under numpy broadcasting. `f` also sees whether the inputs are floats. */
function binary(
  f: (a: number, b: number, float: boolean) => number,
  gradients: readonly [GradientRule | null, GradientRule | null],
  resultType?: DType,
): OpDefinition {
  return {
    infer: (c) => {
      const { types, shape } = inferBroadcast(c);
      const [a, b] = types;
      if (a?.dtype !== b?.dtype && c.node.opType !== 'Pow') {
        throw shapeError(c.node, 'two inputs of one element type', `${a?.dtype} and ${b?.dtype}`);
      }
      return [{ dtype: resultType ?? a?.dtype ?? 'float32', shape }];
    },
    evaluate: (c) => {
      const [a, b] = [requiredArray(c, 0), requiredArray(c, 1)];
      const float = isFloat(a.dtype);
      return [mapBroadcast([a, b], resultType ?? a.dtype, ([x = 0, y = 0]) => f(x, y, float))];
    },
    gradients,
  };
}

function mapBroadcast(
  arrays: readonly NumericArray[],
  dtype: DType,
  f: (values: readonly number[]) => number,
): NumericArray {
  const shape = broadcastShapes(arrays.map((array) => array.shape)) ?? [];
  const reads = arrays.map((array) => offsets(shape, broadcastStrides(array.shape, shape)));
  const values = new Array<number>(arrays.length).fill(0);
  const data = new Float64Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < arrays.length; k++) values[k] = arrays[k]?.data[reads[k]?.[i] ?? 0] ?? 0;
    data[i] = f(values);
  }
  return { dtype, shape, data };
}

/** Other input of a two-input node. */
const other = (c: GradientContext): Value => c.input(1 - c.index);

/** An operator that picks one of its inputs, any number of them. dx = g where x was picked, shared among ties. */
function extremum(f: (...values: number[]) => number): OpDefinition {
  return {
    infer: (c) => {
      const { types, shape } = inferBroadcast(c);
      return [{ dtype: types[0]?.dtype ?? 'float32', shape }];
    },
    evaluate: (c) => {
      const arrays = c.node.inputs.map((_, i) => requiredArray(c, i));
      return [mapBroadcast(arrays, requiredArray(c, 0).dtype, (values) => f(...values))];
    },
    gradients: [
      ({ node, g, index, input, output, op }) => {
        const picked = node.inputs.map((_, i) => asType(op('Equal', [input(i), output(0)]), g.dtype, op));
        const ties = picked.reduce((sum, one) => op('Add', [sum, one]));
        return op('Div', [op('Mul', [g, picked[index] ?? g]), ties]);
      },
    ],
  };
}

const comparison = (f: (a: number, b: number) => boolean): OpDefinition =>
  binary((a, b) => (f(a, b) ? 1 : 0), [null, null], 'bool');

const SQRT_1_2 = Math.SQRT1_2;
const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

const isTanhGelu = (c: EvaluateContext | GradientContext): boolean =>
  stringAttribute(c.node, 'approximate', 'none') === 'tanh';

/** ∂gelu/∂x = Φ(x) + x·φ(x), Φ and φ the standard normal's distribution and density. */
function geluExactGradient({ x, g, op }: GradientContext): Value {
  const phi = op('Mul', [op('Add', [op('Erf', [op('Mul', [x, SQRT_1_2])]), 1]), 0.5]);
  const density = op('Mul', [op('Exp', [op('Mul', [op('Mul', [x, x]), -0.5])]), 1 / Math.sqrt(2 * Math.PI)]);
  return op('Mul', [g, op('Add', [phi, op('Mul', [x, density])])]);
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
  // Between float types the derivative is 1; a cast from or to an integer has none.
  gradients: [({ g, x, op }) => asType(g, x.dtype, op)],
};

function asType(x: Value, dtype: DType, op: Emit): Value {
  return x.dtype === dtype ? x : op('Cast', [x], { to: int(elementTypeNumber(dtype)) });
}

const where: OpDefinition = {
  infer: (c) => {
    const { types, shape } = inferBroadcast(c);
    return [{ dtype: types[1]?.dtype ?? 'float32', shape }];
  },
  evaluate: (c) => {
    const [condition, a, b] = [requiredArray(c, 0), requiredArray(c, 1), requiredArray(c, 2)];
    return [mapBroadcast([condition, a, b], a.dtype, ([p = 0, x = 0, y = 0]) => (p !== 0 ? x : y))];
  },
  // The branch that was not taken gets an exact zero, never 0·g: its value may be −inf or NaN.
  gradients: [
    null,
    ({ g, op, input }) => op('Where', [input(0), g, 0]),
    ({ g, op, input }) => op('Where', [input(0), 0, g]),
  ],
};

export const elementwise: OpFamily<
  | 'Abs'
  | 'Sign'
  | 'Cos'
  | 'Sin'
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
  | 'Tanh'
  | 'Add'
  | 'Sub'
  | 'Mul'
  | 'Div'
  | 'Pow'
  | 'And'
  | 'Or'
  | 'Equal'
  | 'Greater'
  | 'GreaterOrEqual'
  | 'Less'
  | 'LessOrEqual'
  | 'Cast'
  | 'Max'
  | 'Min'
  | 'Where'
> = {
  // y = |x|: dx = g·sign(x)
  Abs: unary(Math.abs, ({ g, x, op }) => op('Mul', [g, op('Sign', [x])])),
  Sign: unary(Math.sign, null),
  // y = cos x: dx = −g·sin x
  Cos: unary(Math.cos, ({ g, x, op }) => op('Neg', [op('Mul', [g, op('Sin', [x])])])),
  // y = sin x: dx = g·cos x
  Sin: unary(Math.sin, ({ g, x, op }) => op('Mul', [g, op('Cos', [x])])),
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
  // y = tanh x: dx = g(1 − y²)
  Tanh: unary(Math.tanh, ({ g, output, op }) =>
    op('Mul', [g, op('Sub', [1, op('Mul', [output(0), output(0)])])]),
  ),

  Add: binary((a, b) => a + b, [({ g }) => g, ({ g }) => g]),
  Sub: binary((a, b) => a - b, [({ g }) => g, ({ g, op }) => op('Neg', [g])]),
  // y = a·b: da = g·b
  Mul: binary((a, b) => a * b, [(c) => c.op('Mul', [c.g, other(c)]), (c) => c.op('Mul', [c.g, other(c)])]),
  // y = a/b: da = g/b, db = −g·y/b
  Div: binary(
    (a, b, float) => (float ? a / b : Math.trunc(a / b)),
    [
      (c) => c.op('Div', [c.g, other(c)]),
      ({ g, x, output, op }) => op('Neg', [op('Div', [op('Mul', [g, output(0)]), x])]),
    ],
  ),
  // y = aᵇ: da = g·b·aᵇ⁻¹ (0 where b = 0), db = g·y·ln a (0 where a = 0), as PyTorch
  Pow: binary(
    (a, b) => a ** b,
    [
      ({ g, x, input, op }) => {
        const exponent = asType(input(1), x.dtype, op);
        const reduced = op('Where', [op('Equal', [exponent, 0]), 0, op('Sub', [exponent, 1])]);
        return op('Mul', [g, op('Mul', [exponent, op('Pow', [x, reduced])])]);
      },
      ({ g, x, input, output, op }) => {
        const base = input(0);
        const safe = op('Where', [op('Equal', [base, 0]), 1, base]);
        return asType(op('Mul', [g, op('Mul', [output(0), op('Log', [safe])])]), x.dtype, op);
      },
    ],
  ),
  And: binary((a, b) => (a !== 0 && b !== 0 ? 1 : 0), [null, null], 'bool'),
  Or: binary((a, b) => (a !== 0 || b !== 0 ? 1 : 0), [null, null], 'bool'),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),

  Cast: cast,
  Max: extremum(Math.max),
  Min: extremum(Math.min),
  Where: where,
};
