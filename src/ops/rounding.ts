import { intAttribute } from '../graph/attributes.ts';
import { binary } from './broadcasting.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { unary } from './elementwise.ts';
import { requiredArray, requiredType, shapeError } from './shapes.ts';

/** To the nearest integer, halves to the even one. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** What is left of a/b: with the sign of the divisor, or with `fmod` that of the dividend. */
const mod: OpDefinition = {
  ...binary((a) => a, [null, null]),
  evaluate: (c) => {
    const remainder =
      intAttribute(c.node, 'fmod', 0) === 1
        ? (a: number, b: number) => a % b
        : (a: number, b: number) => {
            const rest = a % b;
            return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
          };
    return binary(remainder, [null, null]).evaluate(c);
  },
  // y = a − q·b with a whole q = (a − y)/b: da = g, db = −g·q
  gradients: [
    ({ g }) => g,
    ({ g, x, input, output, op }) => {
      const quotient = op('Round', [op('Div', [op('Sub', [input(0), output(0)]), x])]);
      return op('Neg', [op('Mul', [g, quotient])]);
    },
  ],
};

function inferClip(c: InferContext) {
  for (const i of [1, 2]) {
    const bound = c.inputs[i];
    if (bound !== undefined && bound.shape.length > 0) {
      throw shapeError(c.node, `a scalar as ${i === 1 ? 'min' : 'max'}`, `[${bound.shape}]`);
    }
  }
  return [requiredType(c, 0)];
}

/** The bound in input `i`, or undefined where there is none. */
function bound({ node, input }: GradientContext, i: number): Value | undefined {
  const name = node.inputs[i];
  return name === undefined || name === '' ? undefined : input(i);
}

/** y = min(max(x, low), high). */
const clip: OpDefinition = {
  infer: inferClip,
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const low = c.inputs[1]?.data[0] ?? Number.NEGATIVE_INFINITY;
    const high = c.inputs[2]?.data[0] ?? Number.POSITIVE_INFINITY;
    return [{ dtype, shape, data: data.map((x) => Math.min(Math.max(x, low), high)) }];
  },
  gradients: [
    // dx = g where low ≤ x ≤ high, as PyTorch
    (c) => {
      const [low, high] = [bound(c, 1), bound(c, 2)];
      const within = [
        ...(low === undefined ? [] : [c.op('GreaterOrEqual', [c.x, low])]),
        ...(high === undefined ? [] : [c.op('LessOrEqual', [c.x, high])]),
      ];
      const [first, second] = within;
      if (first === undefined) return c.g;
      return c.op('Where', [second === undefined ? first : c.op('And', [first, second]), c.g, 0]);
    },
    // d low = Σ g where x < low ≤ high
    (c) => {
      const high = bound(c, 2);
      const below = c.op('Less', [c.input(0), c.x]);
      const wins = high === undefined ? below : c.op('And', [below, c.op('LessOrEqual', [c.x, high])]);
      return c.op('Where', [wins, c.g, 0]);
    },
    // d high = Σ g where max(x, low) > high
    (c) => {
      const low = bound(c, 1);
      const raised = low === undefined ? c.input(0) : c.op('Max', [c.input(0), low]);
      return c.op('Where', [c.op('Greater', [raised, c.x]), c.g, 0]);
    },
  ],
};

const isInf: OpDefinition = {
  ...unary((x) => x, null, 'bool'),
  evaluate: (c) => {
    const { shape, data } = requiredArray(c, 0);
    const negative = intAttribute(c.node, 'detect_negative', 1) === 1;
    const positive = intAttribute(c.node, 'detect_positive', 1) === 1;
    const found = (x: number): boolean =>
      (negative && x === Number.NEGATIVE_INFINITY) || (positive && x === Number.POSITIVE_INFINITY);
    return [{ dtype: 'bool', shape, data: data.map((x) => (found(x) ? 1 : 0)) }];
  },
};

/** Steps and bounds. A step's derivative is 0 wherever it has one, so that no gradient passes it. */
export const rounding: OpFamily<'Ceil' | 'Clip' | 'Floor' | 'IsInf' | 'Mod' | 'Round' | 'Sign'> = {
  Ceil: unary(Math.ceil, null),
  Clip: clip,
  Floor: unary(Math.floor, null),
  IsInf: isInf,
  Mod: mod,
  Round: unary(roundHalfToEven, null),
  Sign: unary(Math.sign, null),
};
