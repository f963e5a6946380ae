import { int, string } from '../../../src/graph/graph.ts';
import { flags, indices, indices32, known, list, numbers, real, type Spec, spec } from '../spec.ts';

const axis = (value: number) => ({ axis: int(value) });
const ties = numbers([2, 4], [1, 3, 3, 0, 2, 2, -1, 2]);
const pair = { outputs: ['values', 'positions'] };
const found = { outputs: ['y', 'first', 'inverse', 'counts'] };
const k = (value: number) => known(indices([1], [value]));

export const selectionSpecs: readonly Spec[] = [
  ...(['ArgMax', 'ArgMin'] as const).flatMap((op) => [
    spec(op, 'the first axis', [real(3, 4)]),
    spec(op, 'a negative axis, dropped', [real(2, 3, 4)], { ...axis(-2), keepdims: int(0) }),
    spec(op, 'ties: the first', [ties], axis(1)),
    spec(op, 'ties: the last', [ties], { ...axis(1), select_last_index: int(1) }),
  ]),
  spec('TopK', 'the largest', [real(3, 5), k(2)], {}, pair),
  spec('TopK', 'the smallest, of the first axis', [real(4, 2), k(3)], { ...axis(0), largest: int(0) }, pair),
  spec('TopK', 'all of a middle axis', [real(2, 3, 2), k(3)], axis(1), pair),
  spec('TopK', 'ties', [known(ties), k(2)], {}, pair),
  spec('Hardmax', 'the last axis', [ties]),
  spec('Hardmax', 'the first axis', [real(3, 4)], axis(0)),
  spec('OneHot', 'the last axis', [indices([3], [0, 2, -1]), k(4), numbers([2], [-0.5, 2])]),
  spec(
    'OneHot',
    'the first axis, out of range',
    [indices([2, 2], [0, 5, -7, 1]), k(3), numbers([2], [0, 1])],
    axis(0),
  ),
  spec('OneHot', 'a middle axis', [indices([2, 2], [0, 1, 1, 0]), k(2), numbers([2], [0, 1])], axis(1)),
  spec('Compress', 'rows', [real(3, 2), known(flags([3], [1, 0, 1]))], axis(0)),
  spec('Compress', 'a negative axis, a short condition', [real(2, 4), known(flags([2], [0, 1]))], axis(-1)),
  spec('Compress', 'elements', [real(2, 3), known(flags([6], [0, 1, 1, 0, 0, 1]))]),
  spec('NonZero', 'a matrix', [known(numbers([2, 3], [0, 1, 2, 3, 0, 0]))]),
  spec('NonZero', 'nothing', [known(indices([3], [0, 0, 0]))]),
  spec('Unique', 'elements, sorted', [known(numbers([2, 3], [3, 1, 3, 2, 1, 3]))], {}, found),
  spec('Unique', 'elements, in order', [known(indices([5], [3, 1, 3, 2, 1]))], { sorted: int(0) }, found),
  spec('Unique', 'rows', [known(numbers([3, 2], [1, 2, 0, 5, 1, 2]))], axis(0), found),
  spec('Unique', 'columns', [known(numbers([2, 3], [1, 0, 1, 2, 5, 2]))], axis(1), found),

  spec('CumSum', 'the first axis', [real(3, 2), known(indices([], [0]))]),
  spec('CumSum', 'a negative axis', [real(2, 3, 2), known(indices32([], [-2]))]),
  spec('CumSum', 'exclusive', [real(2, 4), known(indices([], [1]))], { exclusive: int(1) }),
  spec('CumSum', 'reverse', [real(2, 4), known(indices([], [1]))], { reverse: int(1) }),
  spec('CumSum', 'exclusive and reverse', [real(2, 4), indices([], [1])], {
    exclusive: int(1),
    reverse: int(1),
  }),
  spec('CumSum', 'int64', [indices([2, 3], [1, 2, 3, 4, 5, 6]), known(indices([], [1]))]),
  spec('ReverseSequence', 'time first', [real(4, 3, 2), indices([3], [1, 4, 3])]),
  spec('ReverseSequence', 'batch first', [real(3, 4), indices([3], [4, 1, 2])], {
    batch_axis: int(0),
    time_axis: int(1),
  }),
  spec('Tile', 'both axes', [real(2, 3), list(2, 3)]),
  spec('Tile', 'one axis of three', [real(2, 1, 2), list(1, 4, 1)]),
  spec('Tile', 'nothing to do', [real(2), list(1)]),
  spec('Tile', 'int64', [indices([2], [1, 2]), list(3)]),
  spec('Trilu', 'upper', [real(3, 4)]),
  spec('Trilu', 'lower, a stack', [real(2, 4, 3)], { upper: int(0) }),
  spec('Trilu', 'upper, above the diagonal', [real(3, 3), indices([], [1])], { upper: int(1) }),
  spec('Trilu', 'lower, below the diagonal', [real(4, 3), known(indices([], [-2]))], { upper: int(0) }),
  spec('Trilu', 'int64', [indices([2, 2], [1, 2, 3, 4])]),
  spec('EyeLike', 'square', [real(3, 3)]),
  spec('EyeLike', 'above the diagonal, int64', [real(2, 4)], { k: int(1), dtype: int(7) }),
  spec('EyeLike', 'below the diagonal', [real(4, 2)], { k: int(-2) }),
  spec('Size', 'a matrix', [real(2, 3)]),
  spec('Size', 'a scalar', [real()]),
  spec('Det', 'a matrix of one', [real(1, 1)]),
  spec('Det', 'a stack of two', [real(3, 2, 2)]),
  spec('Det', 'four by four', [real(4, 4)]),
  spec('Det', 'singular', [numbers([3, 3], [1, 2, 3, 2, 4, 6, 1, 0, 1])]),

  ...[
    ['a product', 'ij,jk->ik', [2, 3], [3, 4]],
    ['a batch, transposed', 'bij,bkj->bik', [2, 2, 3], [2, 4, 3]],
    ['heads', 'bqhd,bkhd->bhqk', [2, 2, 2, 3], [2, 3, 2, 3]],
    ['an outer product', 'i,j->ij', [2], [3]],
    ['a dot product, implicit', 'i,i', [3], [3]],
    ['implicit order', 'ba,ca', [2, 3], [4, 3]],
    ['a sum over what one operand has', 'ij,k->k', [2, 3], [4]],
    ['an ellipsis', '...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]],
    ['ellipses that broadcast', '...ij,jk->...ik', [2, 2, 2, 3], [3, 4]],
    ['a bilinear form of one', 'bi,bi->b', [2, 3], [2, 3]],
  ].map(([about, equation, a, b]) =>
    spec('Einsum', String(about), [real(...shapeOf(a)), real(...shapeOf(b))], {
      equation: string(String(equation)),
    }),
  ),
  ...[
    ['a transpose', 'ij->ji', [2, 3]],
    ['a sum', 'ij->j', [2, 3]],
    ['a diagonal', 'ii->i', [3, 3]],
    ['a trace', 'ii', [3, 3]],
    ['a diagonal of a stack', 'bii->bi', [2, 3, 3]],
    ['a sum over an ellipsis', '...i->...', [2, 2, 3]],
  ].map(([about, equation, a]) =>
    spec('Einsum', String(about), [real(...shapeOf(a))], { equation: string(String(equation)) }),
  ),
  spec('Einsum', 'three operands', [real(2, 3), real(2, 4), real(5, 3, 4)], {
    equation: string('bi, bj, kij -> bk'),
  }),
];

function shapeOf(shape: string | readonly number[] | undefined): readonly number[] {
  return typeof shape === 'object' ? shape : [];
}
