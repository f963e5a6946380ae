import { int, string } from '../../../src/graph/graph.ts';
import { indices, indices32, known, numbers, real, type Spec, spec } from '../spec.ts';

const axis = (value: number) => ({ axis: int(value) });
const add = { reduction: string('add') };

export const indexingSpecs: readonly Spec[] = [
  spec('Gather', 'rows, repeated and negative', [real(4, 3), indices([5], [0, -1, 0, 2, -1])]),
  spec('Gather', 'a matrix of indices', [real(4, 3), indices([2, 3], [0, 1, 1, -4, 3, 1])]),
  spec('Gather', 'a middle axis', [real(2, 4, 3), indices([2, 2], [3, 0, 0, -2])], axis(1)),
  spec('Gather', 'a negative axis', [real(2, 4), indices([3], [1, 1, 3])], axis(-1)),
  spec('Gather', 'a scalar index', [real(4, 3), indices([], [2])]),
  spec('Gather', 'a scalar index of the last axis', [real(4, 3), known(indices([], [-1]))], axis(1)),
  spec('Gather', 'of a vector', [real(5), indices([2, 2], [4, 4, 0, 1])]),
  spec('Gather', 'int32 indices', [real(4, 3), indices32([3], [1, 1, -2])]),
  spec('Gather', 'no indices', [real(4, 3), indices([0], [])]),
  spec('GatherElements', 'rows', [real(3, 2), indices([2, 2], [2, 0, 2, -1])]),
  spec('GatherElements', 'a negative axis', [real(2, 4), indices([2, 3], [0, 0, 3, -1, 1, 1])], axis(-1)),
  spec('GatherElements', 'fewer rows than the data', [real(3, 4), indices([1, 2], [1, 3])], axis(1)),
  spec('GatherElements', 'int32 indices', [real(3, 2), indices32([1, 2], [2, 0])]),
  spec('GatherND', 'elements, repeated', [real(3, 4), indices([3, 2], [0, 1, 2, -1, 0, 1])]),
  spec('GatherND', 'slices', [real(3, 4), indices([2, 2, 1], [0, 2, 2, -1])]),
  spec('GatherND', 'one batch axis', [real(2, 3, 4), indices([2, 2, 1], [0, 2, 1, 1])], {
    batch_dims: int(1),
  }),
  spec('GatherND', 'two batch axes', [real(2, 3, 4), indices([2, 3, 1], [0, 1, 2, 3, -1, 0])], {
    batch_dims: int(2),
  }),
  spec('ScatterElements', 'replacing', [real(3, 3), indices([2, 3], [1, 0, 2, 0, 2, 1]), real(2, 3)]),
  spec(
    'ScatterElements',
    'a negative axis',
    [real(2, 5), indices([2, 2], [1, -1, 0, 2]), real(2, 2)],
    axis(-1),
  ),
  spec('ScatterElements', 'adding, repeated', [real(3), indices([4], [1, 1, -1, 1]), real(4)], add),
  ...(['add', 'mul', 'max', 'min'] as const).flatMap((reduction) => [
    spec(
      'ScatterElements',
      `${reduction}, the last axis, repeated`,
      [real(2, 3), indices([2, 4], [1, 1, 0, 1, 2, 0, 2, 2]), real(2, 4)],
      { ...axis(1), reduction: string(reduction) },
    ),
    spec(
      'ScatterND',
      `${reduction}, elements, repeated`,
      [real(3, 3), indices([4, 2], [0, 1, 2, 2, 0, 1, -1, 2]), real(4)],
      { reduction: string(reduction) },
    ),
    spec('ScatterND', `${reduction}, rows`, [real(4, 2), indices([2, 1], [1, 3]), real(2, 2)], {
      reduction: string(reduction),
    }),
  ]),
  spec(
    'ScatterElements',
    'mul, with zeros',
    [numbers([4], [0, 2, 0, 3]), indices([4], [0, 0, 1, 2]), numbers([4], [2, 3, 0, 0])],
    { reduction: string('mul') },
  ),
  spec('ScatterND', 'replacing elements', [real(3, 3), indices([2, 2], [0, 1, -1, 0]), real(2)]),
  spec('ScatterND', 'replacing rows', [real(4, 2), indices([2, 1], [1, 3]), real(2, 2)]),
  spec('ScatterND', 'adding rows, repeated', [real(4, 2), indices([3, 1], [1, 3, 1]), real(3, 2)], add),
];
