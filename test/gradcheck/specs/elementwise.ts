import { int, string } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import {
  flags,
  indices,
  indices32,
  known,
  nonzero,
  numbers,
  positive,
  real,
  type Spec,
  type SpecInput,
  spec,
} from '../spec.ts';

const FLOAT32 = 1;
const INT64 = 7;
const BOOL = 9;
const FLOAT64 = 11;

/** An operator of one input: a matrix, a scalar, nothing at all. */
const unary = (op: OpType, domain: (...shape: number[]) => SpecInput): Spec[] => [
  spec(op, 'a matrix', [domain(3, 4)]),
  spec(op, 'a scalar', [domain()]),
  spec(op, 'no elements', [domain(0, 2)]),
];

/** An operator of two inputs: every way in which numpy broadcasts them. */
const binary = (op: OpType, domain: (...shape: number[]) => SpecInput): Spec[] => [
  spec(op, 'equal shapes', [domain(2, 3), domain(2, 3)]),
  spec(op, 'a row against a matrix', [domain(3), domain(2, 3)]),
  spec(op, 'a column against a row', [domain(4, 1), domain(1, 3)]),
  spec(op, 'both repeated, ranks 3 and 2', [domain(2, 1, 3), domain(4, 1)]),
  spec(op, 'a scalar on the right', [domain(2, 3), domain()]),
  spec(op, 'a scalar on the left', [domain(), domain(2, 3)]),
  spec(op, 'extents 1 that stay', [domain(1, 3), domain(1, 1)]),
];

const truths = flags([2, 2], [0, 0, 1, 1]);
const truthRow = flags([2], [0, 1]);

/** Rows that are less, equal and greater. */
const compared = [numbers([3], [1, 2, 3]), numbers([2, 3], [2, 2, 2, 1, 2, 4])];

const comparison = (op: OpType): Spec[] => [
  spec(op, 'floats', compared),
  spec(op, 'int64', [indices([3], [1, 2, 3]), indices([1], [2])]),
];

export const elementwiseSpecs: readonly Spec[] = [
  ...unary('Abs', nonzero),
  ...unary('Cos', real),
  ...unary('Erf', real),
  ...unary('Exp', real),
  ...unary('Identity', real),
  ...unary('Log', positive),
  ...unary('Neg', real),
  ...unary('Reciprocal', nonzero),
  ...unary('Relu', nonzero),
  ...unary('Sigmoid', real),
  ...unary('Sign', nonzero),
  ...unary('Sin', real),
  ...unary('Sqrt', positive),
  ...unary('Tanh', real),
  ...unary('Gelu', real),
  spec('Gelu', "approximate 'tanh'", [real(3, 4)], { approximate: string('tanh') }),
  spec('Gelu', "approximate 'none'", [real(3, 4)], { approximate: string('none') }),
  spec('Erf', 'far out', [numbers([6], [-7, -2.6, -2.4, 2.4, 2.6, 7])]),
  spec('Sigmoid', 'far out', [numbers([4], [-30, -8, 8, 30])]),
  spec('Neg', 'int64', [indices([3], [-1, 0, 5])]),
  spec('Sign', 'with zero', [numbers([3], [-2, 0, 3])]),
  spec('IsNaN', 'one among numbers', [numbers([4], [0, Number.NaN, Number.POSITIVE_INFINITY, -1])]),
  spec('Not', 'both', [truthRow]),

  ...binary('Add', real),
  ...binary('Sub', real),
  ...binary('Mul', real),
  ...binary('Div', nonzero),
  ...binary('Pow', positive),
  spec('Add', 'int64', [indices([2], [1, 2]), indices([], [3])]),
  spec('Div', 'int64, rounded towards zero', [indices([4], [7, -7, 7, -7]), indices([4], [2, 2, -2, -2])]),
  spec('Pow', 'a square', [real(2, 3), known(numbers([], [2]))]),
  spec('Pow', 'a cube of numbers of either sign', [nonzero(2, 3), known(numbers([], [3]))]),
  spec('Pow', 'a square at 0', [numbers([3], [-1, 0, 2]), known(numbers([], [2]))]),
  spec('Pow', 'exponents 0 and 1 at 0', [numbers([2], [0, 0]), known(numbers([2], [0, 1]))]),
  spec('Pow', 'exponents −1 and ½', [positive(2, 2), known(numbers([2], [-1, 0.5]))]),
  spec('Pow', 'an integer exponent', [positive(2, 3), indices([3], [0, 1, 3])]),
  spec('Pow', 'an integer exponent that is known', [nonzero(2, 3), known(indices([], [2]))]),
  ...binary('Max', real),
  ...binary('Min', real),
  spec('Max', 'three inputs', [real(2, 3), real(3), real(2, 1)]),
  spec('Min', 'three inputs', [real(2, 3), real(3), real(2, 1)]),
  spec('Max', 'one input', [real(2, 3)]),
  spec('Max', 'int64', [indices([3], [1, -2, 3]), indices([], [0])]),

  spec('And', 'all pairs', [truths, truthRow]),
  spec('Or', 'all pairs', [truths, truthRow]),
  spec('Equal', 'truth values', [truths, truthRow]),
  ...comparison('Equal'),
  ...comparison('Greater'),
  ...comparison('GreaterOrEqual'),
  ...comparison('Less'),
  ...comparison('LessOrEqual'),

  spec('Cast', 'to float32', [real(2, 3)], { to: int(FLOAT32) }),
  spec('Cast', 'to float64', [real(2, 3)], { to: int(FLOAT64) }),
  spec('Cast', 'to int64, towards zero', [numbers([4], [-1.7, -0.2, 0.9, 2.5])], { to: int(INT64) }),
  spec('Cast', 'to bool', [numbers([3], [0, 0.25, -3])], { to: int(BOOL) }),
  spec('Cast', 'from bool', [truths], { to: int(FLOAT32) }),
  spec('Cast', 'from int32', [indices32([2], [-4, 9])], { to: int(FLOAT32) }),

  spec('Where', 'equal shapes', [truths, real(2, 2), real(2, 2)]),
  spec('Where', 'all three repeated', [flags([2, 1, 1], [1, 0]), real(3, 1), real(1, 4)]),
  spec('Where', 'scalars', [truths, real(), real()]),
  spec('Where', 'a scalar condition', [flags([], [1]), real(2), real(2)]),
  spec('Where', 'int64', [truthRow, indices([2], [1, 2]), indices([], [7])]),
];
