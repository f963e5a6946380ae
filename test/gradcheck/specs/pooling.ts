import { type Attributes, int, ints, string } from '../../../src/graph/graph.ts';
import type { OpType } from '../../../src/ops/definition.ts';
import { indices, list, numbers, real, type Spec, spec } from '../spec.ts';

const kernel = (...values: number[]) => ({ kernel_shape: ints(values) });
const strides = (...values: number[]) => ({ strides: ints(values) });
const pads = (...values: number[]) => ({ pads: ints(values) });
const dilations = (...values: number[]) => ({ dilations: ints(values) });
const autoPad = (value: string) => ({ auto_pad: string(value) });
const ceil = { ceil_mode: int(1) };
const withIndices = { outputs: ['y', 'indices'], seeded: ['y'] };

const maxPool = (about: string, x: readonly number[], attributes: Attributes): Spec =>
  spec('MaxPool', about, [real(...x)], attributes);

const globalPool = (op: OpType): Spec[] => [
  spec(op, 'two axes', [real(2, 3, 4, 5)]),
  spec(op, 'one axis', [real(2, 3, 4)]),
  spec(op, 'three axes', [real(1, 2, 2, 3, 2)]),
  spec(op, 'extents 1', [real(1, 1, 1, 1)]),
];

export const poolingSpecs: readonly Spec[] = [
  maxPool('unit strides', [2, 2, 4, 4], kernel(2, 2)),
  maxPool('windows side by side', [2, 2, 4, 6], { ...kernel(2, 2), ...strides(2, 2) }),
  maxPool('that of a ResNet', [2, 2, 7, 7], { ...kernel(3, 3), ...strides(2, 2), ...pads(1, 1, 1, 1) }),
  maxPool('uneven pads', [1, 2, 4, 5], { ...kernel(3, 2), ...pads(0, 1, 2, 0) }),
  maxPool('dilations', [1, 2, 6, 7], { ...kernel(2, 3), ...dilations(3, 2) }),
  maxPool('ceil_mode', [1, 2, 5, 6], { ...kernel(2, 3), ...strides(2, 2), ...ceil }),
  maxPool('ceil_mode where the last window would be padding', [1, 1, 4, 5], {
    ...kernel(1, 2),
    ...strides(2, 3),
    ...pads(0, 1, 0, 1),
    ...ceil,
  }),
  maxPool('SAME_UPPER', [1, 2, 5, 4], { ...kernel(2, 3), ...strides(2, 1), ...autoPad('SAME_UPPER') }),
  maxPool('SAME_LOWER', [1, 2, 5, 4], { ...kernel(2, 3), ...strides(2, 1), ...autoPad('SAME_LOWER') }),
  maxPool('VALID', [1, 2, 5, 4], { ...kernel(2, 3), ...strides(2, 1), ...autoPad('VALID') }),
  maxPool('one axis', [2, 2, 7], { ...kernel(3), ...strides(2), ...pads(1, 1) }),
  maxPool('three axes', [1, 2, 4, 3, 4], { ...kernel(2, 2, 2), ...strides(2, 1, 2) }),
  maxPool('column-major indices of one output', [1, 2, 4, 4], { ...kernel(2, 2), storage_order: int(1) }),
  spec('MaxPool', 'with indices', [real(2, 2, 4, 4)], kernel(2, 2), withIndices),
  spec(
    'MaxPool',
    'with column-major indices',
    [real(2, 2, 4, 3)],
    { ...kernel(2, 2), storage_order: int(1) },
    withIndices,
  ),
  spec(
    'MaxPool',
    'with column-major indices, three axes',
    [real(1, 2, 2, 4, 3)],
    { ...kernel(1, 2, 2), storage_order: int(1) },
    withIndices,
  ),

  ...(['AveragePool', 'LpPool'] as const).flatMap((op) => [
    spec(op, 'unit strides', [real(2, 2, 4, 4)], kernel(2, 2)),
    spec(op, 'windows side by side', [real(2, 2, 4, 6)], { ...kernel(2, 3), ...strides(2, 3) }),
    spec(op, 'windows side by side with a rest', [real(1, 2, 5, 7)], { ...kernel(2, 2), ...strides(2, 2) }),
    spec(op, 'padded', [real(2, 2, 5, 4)], { ...kernel(3, 3), ...strides(2, 1), ...pads(1, 1, 1, 1) }),
    spec(op, 'uneven pads', [real(1, 2, 4, 5)], { ...kernel(3, 2), ...pads(0, 1, 2, 0) }),
    spec(op, 'SAME_UPPER', [real(1, 2, 5, 4)], {
      ...kernel(2, 3),
      ...strides(2, 1),
      ...autoPad('SAME_UPPER'),
    }),
    spec(op, 'SAME_LOWER', [real(1, 2, 5, 4)], {
      ...kernel(2, 3),
      ...strides(2, 1),
      ...autoPad('SAME_LOWER'),
    }),
    spec(op, 'VALID', [real(1, 2, 5, 4)], { ...kernel(2, 3), ...autoPad('VALID') }),
    spec(op, 'one axis', [real(2, 2, 7)], { ...kernel(3), ...strides(2), ...pads(1, 1) }),
    spec(op, 'three axes', [real(1, 2, 4, 3, 4)], { ...kernel(2, 2, 2), ...strides(2, 1, 2) }),
    spec(op, 'dilations', [real(1, 2, 6, 7)], { ...kernel(2, 3), ...dilations(3, 2) }),
    spec(op, 'ceil_mode', [real(1, 2, 5, 6)], { ...kernel(2, 3), ...strides(2, 2), ...ceil }),
  ]),
  spec('AveragePool', 'count_include_pad', [real(1, 2, 4, 5)], {
    ...kernel(3, 2),
    ...pads(1, 1, 1, 0),
    count_include_pad: int(1),
  }),
  spec('AveragePool', 'count_include_pad with ceil_mode', [real(1, 1, 6, 5)], {
    ...kernel(3, 3),
    ...strides(2, 2),
    ...pads(1, 1, 1, 1),
    ...ceil,
    count_include_pad: int(1),
  }),
  spec('LpPool', 'p 1', [real(1, 2, 4, 4)], { ...kernel(2, 2), p: int(1) }),
  spec('LpPool', 'p 3', [real(1, 2, 4, 4)], { ...kernel(2, 2), ...strides(2, 2), p: int(3) }),
  ...globalPool('GlobalAveragePool'),
  ...globalPool('GlobalMaxPool'),
  ...globalPool('GlobalLpPool'),
  spec('GlobalMaxPool', 'a tie', [numbers([1, 1, 2, 2], [1, 3, 3, 2])]),
  spec('GlobalLpPool', 'p 1', [real(2, 2, 3, 3)], { p: int(1) }),
  spec('GlobalLpPool', 'p 3', [real(2, 2, 3, 3)], { p: int(3) }),
  spec('MaxUnpool', 'windows of 2', [real(1, 1, 2, 2), indices([1, 1, 2, 2], [5, 7, 13, 10])], {
    ...kernel(2, 2),
    ...strides(2, 2),
  }),
  spec(
    'MaxUnpool',
    'output_shape',
    [real(1, 1, 2, 2), indices([1, 1, 2, 2], [6, 8, 16, 13]), list(1, 1, 5, 5)],
    { ...kernel(2, 2), ...strides(2, 2) },
  ),
  spec('MaxUnpool', 'pads', [real(1, 1, 3), indices([1, 1, 3], [1, 2, 4])], {
    ...kernel(3),
    ...strides(2),
    ...pads(1, 1),
  }),
];
