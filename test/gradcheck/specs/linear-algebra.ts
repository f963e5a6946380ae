import { float, int } from '../../../src/graph/graph.ts';
import { positive, real, type Spec, spec } from '../spec.ts';

const bits = [0, 1];

/** Gemm with all four pairs of transposition flags. */
const gemmFlags: readonly Spec[] = bits.flatMap((transA) =>
  bits.map((transB) =>
    spec(
      'Gemm',
      `transA ${transA}, transB ${transB}, alpha, beta`,
      [transA === 1 ? real(3, 2) : real(2, 3), transB === 1 ? real(4, 3) : real(3, 4), real(2, 4)],
      { transA: int(transA), transB: int(transB), alpha: float(0.75), beta: float(-1.5) },
    ),
  ),
);

const axis = (value: number) => ({ axis: int(value) });

export const linearAlgebraSpecs: readonly Spec[] = [
  spec('MatMul', 'matrices', [real(2, 3), real(3, 4)]),
  spec('MatMul', 'two vectors', [real(3), real(3)]),
  spec('MatMul', 'a vector and a matrix', [real(3), real(3, 2)]),
  spec('MatMul', 'a matrix and a vector', [real(2, 3), real(3)]),
  spec('MatMul', 'a vector and a stack', [real(3), real(2, 3, 4)]),
  spec('MatMul', 'a stack and a vector', [real(2, 4, 3), real(3)]),
  spec('MatMul', 'a stack and a matrix', [real(2, 2, 3), real(3, 4)]),
  spec('MatMul', 'a matrix and a stack', [real(2, 3), real(2, 3, 4)]),
  spec('MatMul', 'two stacks', [real(2, 2, 3), real(2, 3, 2)]),
  spec('MatMul', 'stacks that broadcast', [real(2, 1, 2, 3), real(3, 3, 2)]),
  spec('MatMul', 'a stack of one and a matrix', [real(1, 2, 3), real(3, 4)]),
  spec('MatMul', 'extents 1', [real(1, 1), real(1, 1)]),
  ...gemmFlags,
  spec('Gemm', 'no C', [real(2, 3), real(3, 4)]),
  spec('Gemm', 'C a row', [real(2, 3), real(3, 4), real(4)]),
  spec('Gemm', 'C a column', [real(2, 3), real(3, 4), real(2, 1)]),
  spec('Gemm', 'C a scalar', [real(2, 3), real(3, 4), real()]),
  spec('Gemm', 'C of one element', [real(2, 3), real(3, 4), real(1)], { beta: float(2) }),

  spec('Softmax', 'the last axis', [real(2, 3, 4)]),
  spec('Softmax', 'the first axis', [real(3, 4)], axis(0)),
  spec('Softmax', 'a negative axis', [real(2, 3, 4)], axis(-2)),
  spec('Softmax', 'extent 1', [real(3, 1)]),
  spec('LogSoftmax', 'the last axis', [real(2, 3)]),
  spec('LogSoftmax', 'a middle axis', [real(2, 3, 2)], axis(1)),
  spec('LogSoftmax', 'extent 1', [real(3, 1)]),

  spec('LayerNormalization', 'the last axis', [real(2, 3, 4), real(4), real(4)]),
  spec('LayerNormalization', 'no bias', [real(3, 5), real(5)]),
  spec('LayerNormalization', 'two axes', [real(2, 3, 4), real(3, 4), real(3, 4)], axis(-2)),
  spec('LayerNormalization', 'axis 1 of 3', [real(2, 3, 2), real(3, 2), real(3, 2)], axis(1)),
  spec('LayerNormalization', 'all axes', [real(2, 3), real(2, 3), real(2, 3)], axis(0)),
  spec('LayerNormalization', 'a large epsilon', [real(2, 4), positive(4), real(4)], { epsilon: float(0.5) }),
  spec(
    'LayerNormalization',
    'statistics asked for but not in the loss',
    [real(2, 4), real(4), real(4)],
    {},
    { outputs: ['y', 'mean', 'inverse'], seeded: ['y'] },
  ),
];
