import { intAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { asType } from './elementwise.ts';
import {
  knownNumbers,
  normalizeAxis,
  numbersOf,
  offsets,
  requiredArray,
  requiredType,
  stridesOf,
} from './shapes.ts';

/** The axes that a reduction goes over: its second input; all of them where it has none. */
function reducedAxes(axes: readonly number[] | undefined, shape: Shape, node: Node): readonly number[] {
  if (axes === undefined || axes.length === 0) {
    return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? [] : shape.map((_, axis) => axis);
  }
  return axes.map((axis) => normalizeAxis(axis, shape.length, node));
}

/** The shape with the given axes at extent 1. */
const keptShape = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));

function resultShape(node: Node, shape: Shape, axes: readonly number[]): Shape {
  if (intAttribute(node, 'keepdims', 1) === 1) return keptShape(shape, axes);
  return shape.filter((_, axis) => !axes.includes(axis));
}

/** What a reduction's gradient sees: the cotangent and the result in shapes that broadcast against x. */
interface Reduction {
  readonly c: GradientContext;
  readonly x: Value;
  readonly g: Value;
  readonly y: Value;
  readonly axes: readonly number[];
  /** How many elements became one. */
  readonly terms: number;
}

interface ReductionRules {
  /** What the fold starts from. */
  readonly start: number;
  readonly fold: (total: number, x: number) => number;
  /** The result from the folded total of so many terms. */
  readonly finish?: (total: number, terms: number) => number;
  /** dL/dx, up to broadcasting. */
  readonly gradient: (reduction: Reduction) => Value;
}

function reduction({ start, fold, finish = (total) => total, gradient }: ReductionRules): OpDefinition {
  return {
    infer: (c) => {
      const { dtype, shape } = requiredType(c, 0);
      const axes = reducedAxes(c.inputs[1] === undefined ? undefined : knownNumbers(c, 1), shape, c.node);
      return [{ dtype, shape: resultShape(c.node, shape, axes) }];
    },
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      const given = c.inputs[1];
      const axes = reducedAxes(given === undefined ? undefined : Array.from(given.data), shape, c.node);
      const kept = keptShape(shape, axes);
      const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
      const totals = new Float64Array(sizeOf(kept)).fill(start);
      offsets(shape, strides).forEach((target, i) => {
        totals[target] = fold(totals[target] ?? start, data[i] ?? 0);
      });
      const terms = sizeOf(shape) / Math.max(sizeOf(kept), 1);
      return [{ dtype, shape: resultShape(c.node, shape, axes), data: totals.map((t) => finish(t, terms)) }];
    },
    gradients: [
      (c) => {
        const { node, x, input, known, op, constant, reshape } = c;
        const tensor = (node.inputs[1] ?? '') === '' ? undefined : known(input(1));
        const axes = reducedAxes(tensor && numbersOf(tensor), x.shape, node);
        const kept = keptShape(x.shape, axes);
        const result: Reduction = {
          c,
          x,
          g: reshape(c.g, kept),
          // Computed only where a rule asks for it.
          get y() {
            return reshape(c.output(0), kept);
          },
          axes,
          terms: sizeOf(x.shape) / Math.max(sizeOf(kept), 1),
        };
        const spread = gradient(result);
        if (`${spread.shape}` === `${x.shape}`) return spread;
        return op('Expand', [spread, constant(int64([x.shape.length], x.shape))]);
      },
      null,
    ],
  };
}

/** Σ over the given axes, which are kept with extent 1. */
export function sumKeeping(c: GradientContext, x: Value, axes: readonly number[]): Value {
  // No axes would mean all of them.
  if (axes.length === 0) return x;
  return c.op('ReduceSum', [x, c.constant(int64([axes.length], axes))]);
}

/** ∏ over the given axes, which are kept with extent 1. */
function productKeeping(c: GradientContext, x: Value, axes: readonly number[]): Value {
  if (axes.length === 0) return x;
  return c.op('ReduceProd', [x, c.constant(int64([axes.length], axes))]);
}

/** The cotangent of the elements that equal the result, in equal parts, as PyTorch's `amax`. */
function sharedAmongTies({ c, x, g, y, axes }: Reduction): Value {
  const picked = asType(c.op('Equal', [x, y]), x.dtype, c.op);
  return c.op('Mul', [picked, c.op('Div', [g, sumKeeping(c, picked, axes)])]);
}

/**
 * g times the product of the others: P/x where no element is 0, P for the only 0, else 0, with P the product of all
 * elements that are not 0.
 */
function productOfOthers({ c, x, g, axes }: Reduction): Value {
  const { op } = c;
  const isZero = op('Equal', [x, 0]);
  const product = productKeeping(c, op('Where', [isZero, 1, x]), axes);
  const zeros = sumKeeping(c, asType(isZero, x.dtype, op), axes);
  const atZero = op('Where', [op('Equal', [zeros, 1]), product, 0]);
  const elsewhere = op('Where', [op('Equal', [zeros, 0]), product, 0]);
  const others = op('Where', [isZero, atZero, op('Div', [elsewhere, op('Where', [isZero, 1, x])])]);
  return op('Mul', [g, others]);
}

const add = (total: number, x: number): number => total + x;

/** ln(eᵃ + eᵇ) without overflow. */
function logAddExp(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
}

export const reductions: OpFamily<
  | 'ReduceL1'
  | 'ReduceL2'
  | 'ReduceLogSum'
  | 'ReduceLogSumExp'
  | 'ReduceMax'
  | 'ReduceMean'
  | 'ReduceMin'
  | 'ReduceProd'
  | 'ReduceSum'
  | 'ReduceSumSquare'
> = {
  // y = Σ|x|: dx = g·sign x
  ReduceL1: reduction({
    start: 0,
    fold: (total, x) => total + Math.abs(x),
    gradient: ({ c, x, g }) => c.op('Mul', [g, c.op('Sign', [x])]),
  }),
  // y = √Σx²: dx = g·x/y, 0 at the origin
  ReduceL2: reduction({
    start: 0,
    fold: (total, x) => total + x * x,
    finish: Math.sqrt,
    gradient: ({ c: { op }, x, g, y }) => {
      const length = op('Where', [op('Equal', [y, 0]), 1, y]);
      return op('Mul', [op('Div', [g, length]), x]);
    },
  }),
  // y = ln Σx: dx = g/Σx = g·e⁻ʸ
  ReduceLogSum: reduction({
    start: 0,
    fold: add,
    finish: Math.log,
    gradient: ({ c, g, x, axes }) => c.op('Div', [g, sumKeeping(c, x, axes)]),
  }),
  // y = ln Σeˣ: dx = g·eˣ⁻ʸ; 0 where all of x is −∞
  ReduceLogSumExp: reduction({
    start: Number.NEGATIVE_INFINITY,
    fold: logAddExp,
    gradient: ({ c: { op }, g, x, y }) => {
      const finite = op('Where', [op('IsInf', [y]), 0, y]);
      return op('Mul', [g, op('Exp', [op('Sub', [x, finite])])]);
    },
  }),
  ReduceMax: reduction({ start: Number.NEGATIVE_INFINITY, fold: Math.max, gradient: sharedAmongTies }),
  // y = Σx/n: dx = g/n
  ReduceMean: reduction({
    start: 0,
    fold: add,
    finish: (total, terms) => total / terms,
    gradient: ({ c, g, terms }) => (terms === 1 ? g : c.op('Mul', [g, 1 / terms])),
  }),
  ReduceMin: reduction({ start: Number.POSITIVE_INFINITY, fold: Math.min, gradient: sharedAmongTies }),
  ReduceProd: reduction({ start: 1, fold: (total, x) => total * x, gradient: productOfOthers }),
  ReduceSum: reduction({ start: 0, fold: add, gradient: ({ g }) => g }),
  // y = Σx²: dx = 2g·x
  ReduceSumSquare: reduction({
    start: 0,
    fold: (total, x) => total + x * x,
    gradient: ({ c, g, x }) => c.op('Mul', [c.op('Mul', [g, 2]), x]),
  }),
};
