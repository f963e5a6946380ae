import { int, string } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import {
  bytes,
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
  within,
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

const infinities = [0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN];
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
  ...unary('Acos', within(-1, 1)),
  ...unary('Acosh', within(1.2, 4)),
  ...unary('Asin', within(-1, 1)),
  ...unary('Asinh', real),
  ...unary('Atan', real),
  ...unary('Atanh', within(-1, 1)),
  ...unary('Cos', real),
  ...unary('Cosh', real),
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
  ...unary('Sinh', real),
  ...unary('Tan', within(-1.2, 1.2)),
  ...unary('Sqrt', positive),
  ...unary('Tanh', real),
  ...unary('Gelu', real),
  spec('Gelu', "approximate 'tanh'", [real(3, 4)], { approximate: string('tanh') }),
  spec('Gelu', "approximate 'none'", [real(3, 4)], { approximate: string('none') }),
  spec('Erf', 'far out', [numbers([6], [-7, -2.6, -2.4, 2.4, 2.6, 7])]),
  spec('Sigmoid', 'far out', [numbers([4], [-30, -8, 8, 30])]),
  spec('Ceil', 'of either sign, and whole', [numbers([5], [-1.5, -0.2, 0, 0.2, 3])]),
  spec('Floor', 'of either sign, and whole', [numbers([5], [-1.5, -0.2, 0, 0.2, 3])]),
  spec('Round', 'halves to even', [numbers([8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.4, -7.6])]),
  spec('IsInf', 'either sign', [numbers([4], infinities)]),
  spec('IsInf', 'positive only', [numbers([4], infinities)], { detect_negative: int(0) }),
  spec('IsInf', 'negative only', [numbers([4], infinities)], { detect_positive: int(0) }),
  spec('Clip', 'both bounds', [real(3, 4), known(numbers([], [-0.5])), known(numbers([], [0.75]))]),
  spec('Clip', 'bounds that are fed', [real(3, 4), numbers([], [-0.5]), numbers([], [0.75])]),
  spec('Clip', 'from below', [real(3, 4), numbers([], [0.1])]),
  spec('Clip', 'from above', [real(3, 4), undefined, numbers([], [0.1])]),
  spec('Clip', 'no bounds', [real(2, 2)]),
  spec('Clip', 'bounds the wrong way round', [real(2, 3), numbers([], [0.6]), numbers([], [-0.4])]),
  spec('Clip', 'int64', [indices([3], [-4, 1, 9]), indices([], [0]), indices([], [5])]),
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
  spec('Mod', 'int64, the sign of the divisor', [indices([4], [7, -7, 7, -7]), indices([4], [3, 3, -3, -3])]),
  spec(
    'Mod',
    'int64, the sign of the dividend',
    [indices([4], [7, -7, 7, -7]), indices([4], [3, 3, -3, -3])],
    { fmod: int(1) },
  ),
  ...binary('Mod', (...shape) => within(0.6, 6)(...shape)).map((row) => ({
    ...row,
    attributes: { fmod: int(1) },
  })),
  spec('Mod', 'floats of either sign', [numbers([4], [7.3, -7.3, 7.3, -7.3]), numbers([2, 1], [3, -2.2])], {
    fmod: int(1),
  }),
  ...binary('Sum', real),
  ...binary('Mean', real),
  spec('Sum', 'three inputs', [real(2, 3), real(3), real(2, 1)]),
  spec('Mean', 'three inputs', [real(2, 3), real(3), real(2, 1)]),
  spec('Sum', 'one input', [real(2, 3)]),
  spec('Mean', 'one input', [real(2, 3)]),
  spec('Max', 'int64', [indices([3], [1, -2, 3]), indices([], [0])]),

  spec('And', 'all pairs', [truths, truthRow]),
  spec('Or', 'all pairs', [truths, truthRow]),
  spec('Xor', 'all pairs', [truths, truthRow]),
  spec('BitShift', 'left, beyond the width', [bytes([3], [1, 3, 255]), bytes([3], [2, 7, 1])], {
    direction: string('LEFT'),
  }),
  spec('BitShift', 'right', [bytes([3], [1, 130, 255]), bytes([], [1])], { direction: string('RIGHT') }),
  ...(['BitwiseAnd', 'BitwiseOr', 'BitwiseXor'] as const).flatMap((op) => [
    spec(op, 'bytes', [bytes([2, 2], [0, 15, 129, 255]), bytes([2], [85, 170])]),
    spec(op, 'int64 of either sign', [indices([4], [-1, 5, -8, 1024]), indices([], [-6])]),
  ]),
  spec('BitwiseNot', 'bytes', [bytes([3], [0, 15, 255])]),
  spec('BitwiseNot', 'int32', [indices32([3], [0, -1, 77])]),
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
