import { float, int, ints, string } from '../../../src/graph/graph.ts';
import { float32, int64 } from '../../../src/tensor.ts';
import { indices, known, list, numbers, real, type Spec, spec } from '../spec.ts';

const axis = (value: number) => ({ axis: int(value) });
const threeParts = { outputs: ['a', 'b', 'c'] };
const INT64_MAX = 2 ** 63;

export const shapeSpecs: readonly Spec[] = [
  spec('Constant', 'a tensor', [], { value: { type: 'tensor', value: float32([2], [1, 2]) } }),
  spec('Constant', 'an integer', [], { value_int: int(-3) }),
  spec('Constant', 'integers', [], { value_ints: ints([1, 2, 3]) }),
  spec('Constant', 'a float', [], { value_float: float(0.5) }),
  spec('Constant', 'floats', [], { value_floats: { type: 'floats', value: [0.5, -2] } }),
  spec('ConstantOfShape', 'the default, 0', [list(2, 3)]),
  spec('ConstantOfShape', 'ones of int64', [list(4)], {
    value: { type: 'tensor', value: int64([1], [1]) },
  }),
  spec('ConstantOfShape', 'a scalar', [list()]),
  spec('Range', 'up', [known(indices([], [2])), known(indices([], [11])), known(indices([], [3]))]),
  spec('Range', 'down', [known(indices([], [5])), known(indices([], [-1])), known(indices([], [-2]))]),
  spec('Range', 'floats', [known(numbers([], [0])), known(numbers([], [1])), known(numbers([], [0.25]))]),
  spec('Range', 'nothing', [known(indices([], [3])), known(indices([], [3])), known(indices([], [1]))]),
  spec('Shape', 'whole', [real(2, 1, 4)]),
  spec('Shape', 'a part, counted from the end', [real(2, 1, 4)], { start: int(-2), end: int(-1) }),
  spec('Shape', 'from an axis on', [real(2, 1, 4)], { start: int(1) }),
  spec('Shape', 'of a scalar', [real()]),

  spec('Reshape', 'with −1 and 0', [real(2, 3, 4), list(0, -1)]),
  spec('Reshape', 'to a scalar', [real(1, 1), list()]),
  spec('Reshape', 'from a scalar', [real(), list(1, 1)]),
  spec('Reshape', 'no elements', [real(2, 0), list(0, 3)], { allowzero: int(1) }),
  spec('Flatten', 'axis 1', [real(2, 3, 4)]),
  spec('Flatten', 'axis 0', [real(2, 3)], axis(0)),
  spec('Flatten', 'axis −1', [real(2, 3, 4)], axis(-1)),
  spec('Flatten', 'axis of the rank', [real(2, 3)], axis(2)),
  spec('Squeeze', 'all axes of extent 1', [real(1, 3, 1)]),
  spec('Squeeze', 'a negative axis', [real(1, 3, 1), list(-1)]),
  spec('Unsqueeze', 'front and back', [real(2, 3), list(0, -1)]),
  spec('Unsqueeze', 'of a scalar', [real(), list(0)]),

  spec('Transpose', 'the default reverses', [real(2, 3, 4)]),
  spec('Transpose', 'a cycle', [real(2, 3, 4)], { perm: ints([2, 0, 1]) }),
  spec('Transpose', 'a scalar', [real()]),
  spec('Expand', 'a row', [real(3), list(2, 3)]),
  spec('Expand', 'an inner axis and new ones', [real(2, 1, 3), list(5, 1, 4, 1)]),
  spec('Expand', 'a scalar', [real(), list(2, 2)]),
  spec('Expand', 'nothing to do', [real(2, 3), list(1)]),

  spec('Concat', 'three, the first axis', [real(1, 2), real(2, 2), real(3, 2)], axis(0)),
  spec('Concat', 'the last axis, with an empty part', [real(2, 1), real(2, 0), real(2, 3)], axis(-1)),
  spec('Concat', 'one', [real(2, 2)], axis(1)),
  spec('Split', 'sizes', [real(6, 2), list(1, 2, 3)], axis(0), threeParts),
  spec(
    'Split',
    'equal parts of a negative axis',
    [real(2, 6)],
    { ...axis(-1), num_outputs: int(3) },
    threeParts,
  ),
  spec('Split', 'a smaller last part', [real(5, 2)], { num_outputs: int(3) }, threeParts),
  spec('Split', 'one part ignored by the loss', [real(6, 2), list(1, 2, 3)], axis(0), {
    ...threeParts,
    seeded: ['a', 'c'],
  }),

  spec('Slice', 'two axes', [real(4, 5), list(1, 0), list(3, 4)]),
  spec('Slice', 'a negative axis to the end', [real(4, 5), list(-2), list(INT64_MAX), list(-1)]),
  spec('Slice', 'every second', [real(2, 5), list(0), list(5), list(1), list(2)]),
  spec('Slice', 'every second, not to the end', [real(2, 7), list(1), list(6), list(1), list(2)]),
  spec('Slice', 'backward', [real(4, 3), list(-1), list(-INT64_MAX), list(0), list(-1)]),
  spec('Slice', 'backward by two, both axes', [
    real(5, 6),
    list(4, 5),
    list(0, -7),
    list(0, 1),
    list(-2, -2),
  ]),
  spec('Slice', 'one axis forward, one backward', [
    real(4, 4),
    list(1, 3),
    list(3, 0),
    list(0, 1),
    list(1, -1),
  ]),
  spec('Slice', 'nothing', [real(4, 2), list(3), list(3), list(0)]),
  spec('Slice', 'bounds out of range', [real(3, 2), list(-9), list(9), list(0)]),
  spec('Slice', 'steps without axes', [real(4, 2), list(0), list(4), undefined, list(3)]),
  spec('Pad', 'zeros', [real(2, 3), list(1, 0, 2, 1)]),
  spec('Pad', 'a constant', [real(2, 3), list(0, 2, 1, 0), known(numbers([], [1.5]))]),
  spec('Pad', 'a negative axis only', [real(2, 3), list(1, 2), undefined, list(-1)]),
  spec('Pad', 'negative pads crop', [real(4, 5), list(-1, 2, 0, -2)]),
  spec('Pad', "mode 'constant'", [real(3), list(1, 1)], { mode: string('constant') }),
];
