import { float, int, ints } from '../../../src/graph/graph.ts';
import { known, nonzero, numbers, positive, real, type Spec, spec } from '../spec.ts';

const running = { outputs: ['y', 'mean', 'variance'], seeded: ['y'] };
const training = { training_mode: int(1) };

export const normalizationSpecs: readonly Spec[] = [
  spec('BatchNormalization', 'two axes', [real(2, 3, 4, 2), real(3), real(3), real(3), positive(3)]),
  spec('BatchNormalization', 'no axes', [real(4, 3), real(3), real(3), real(3), positive(3)]),
  spec('BatchNormalization', 'one axis, epsilon', [real(2, 3, 4), real(3), real(3), real(3), positive(3)], {
    epsilon: float(0.25),
  }),
  spec('BatchNormalization', 'three axes', [real(1, 2, 2, 2, 3), real(2), real(2), real(2), positive(2)]),
  spec('BatchNormalization', 'frozen statistics held by the graph', [
    real(2, 2, 3, 3),
    real(2),
    real(2),
    known(numbers([2], [0.5, -1])),
    known(numbers([2], [2, 0.5])),
  ]),
  spec(
    'BatchNormalization',
    'training_mode',
    [real(3, 2, 2, 2), real(2), real(2), real(2), positive(2)],
    training,
    running,
  ),
  spec(
    'BatchNormalization',
    'training_mode, momentum and epsilon',
    [real(4, 3), real(3), real(3), real(3), positive(3)],
    { ...training, momentum: float(0.75), epsilon: float(0.125) },
    running,
  ),

  spec('InstanceNormalization', 'two axes', [real(2, 3, 3, 4), real(3), real(3)]),
  spec('InstanceNormalization', 'one axis, epsilon', [real(2, 2, 5), real(2), real(2)], {
    epsilon: float(0.5),
  }),
  spec('InstanceNormalization', 'three axes', [real(1, 2, 2, 3, 2), real(2), real(2)]),

  spec('LRN', 'a window of 3', [real(2, 5, 2, 2)], { size: int(3), alpha: float(0.5), beta: float(0.75) }),
  spec('LRN', 'a window as wide as the channels, bias', [real(1, 3, 2, 2)], {
    size: int(5),
    alpha: float(1),
    beta: float(0.5),
    bias: float(2),
  }),

  spec('LpNormalization', 'the last axis', [nonzero(2, 3, 4)]),
  spec('LpNormalization', 'axis 1, p 1', [nonzero(2, 3, 4)], { axis: int(1), p: int(1) }),
  spec('LpNormalization', 'axis 0, p 2', [nonzero(3, 4)], { axis: int(0), p: int(2) }),
  spec('LpNormalization', 'a row of zeros', [known(numbers([2, 2], [0, 0, 3, 4]))]),

  spec('MeanVarianceNormalization', 'the default axes', [real(2, 3, 3, 2)]),
  spec('MeanVarianceNormalization', 'one axis of two', [real(3, 5)], { axes: ints([1]) }),
  spec('MeanVarianceNormalization', 'two axes of three', [real(2, 3, 4)], { axes: ints([1, 2]) }),

  spec('Dropout', 'outside of training', [real(2, 3)]),
  spec('Dropout', 'a ratio that does nothing', [real(2, 3), known(numbers([], [0.5]))], { seed: int(1) }),
];
