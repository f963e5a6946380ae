import { type DType, isFloat, type Shape, sizeOf, type TensorType } from '../tensor.ts';
import type {
  GradientContext,
  GradientRule,
  InferContext,
  NumericArray,
  OpDefinition,
  OpFamily,
  Value,
} from './definition.ts';
import { asType } from './elementwise.ts';
import {
  broadcastShapes,
  broadcastStrides,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
} from './shapes.ts';

/** The common shape of all inputs. @throws `graph/shape` where they do not broadcast. */
export function inferBroadcast(c: InferContext): {
  readonly types: readonly TensorType[];
  readonly shape: Shape;
} {
  const types = c.node.inputs.map((_, i) => requiredType(c, i));
  const shape = broadcastShapes(types.map((type) => type.shape));
  if (shape === undefined) {
    throw shapeError(c.node, 'shapes that broadcast', types.map(({ shape }) => `[${shape}]`).join(' and '));
  }
  return { types, shape };
}

/** An operator of two inputs under numpy broadcasting. `f` also sees whether the inputs are floats. */
export function binary(
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

/** `f` of the elements at each position of the arrays' common shape. */
export function mapBroadcast(
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

const comparison = (f: (a: number, b: number) => boolean): OpDefinition =>
  binary((a, b) => (f(a, b) ? 1 : 0), [null, null], 'bool');

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

export const broadcasting: OpFamily<
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
  | 'Where'
  | 'Xor'
> = {
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
  Where: where,
  Xor: binary((a, b) => ((a !== 0) !== (b !== 0) ? 1 : 0), [null, null], 'bool'),
};
