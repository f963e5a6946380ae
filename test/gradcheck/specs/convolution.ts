import { type Attributes, int, ints, string } from '../../../src/graph/graph.ts';
import { real, type Spec, spec } from '../spec.ts';

const group = (value: number) => ({ group: int(value) });
const strides = (...values: number[]) => ({ strides: ints(values) });
const pads = (...values: number[]) => ({ pads: ints(values) });
const dilations = (...values: number[]) => ({ dilations: ints(values) });
const autoPad = (value: string) => ({ auto_pad: string(value) });
const outputPadding = (...values: number[]) => ({ output_padding: ints(values) });
const outputShape = (...values: number[]) => ({ output_shape: ints(values) });

/** X, W and the attributes, with a bias for `filters` where it is given. */
const conv = (
  op: 'Conv' | 'ConvTranspose',
  about: string,
  x: readonly number[],
  w: readonly number[],
  attributes: Attributes = {},
  filters?: number,
): Spec =>
  spec(op, about, [real(...x), real(...w), ...(filters === undefined ? [] : [real(filters)])], attributes);

export const convolutionSpecs: readonly Spec[] = [
  conv('Conv', 'two axes, bias', [2, 3, 5, 4], [4, 3, 3, 2], {}, 4),
  conv('Conv', 'padded', [2, 2, 4, 4], [3, 2, 3, 3], pads(1, 1, 1, 1)),
  conv('Conv', 'uneven pads', [1, 2, 4, 3], [2, 2, 3, 2], pads(0, 1, 2, 0)),
  conv('Conv', 'pads wider than the kernel', [1, 1, 3, 3], [2, 1, 2, 2], pads(3, 1, 2, 3)),
  conv(
    'Conv',
    'strides that leave a rest',
    [2, 2, 6, 5],
    [3, 2, 3, 2],
    { ...strides(2, 2), ...pads(1, 0, 1, 0) },
    3,
  ),
  conv('Conv', 'a stride larger than the kernel', [1, 2, 7, 7], [2, 2, 2, 1], strides(3, 4)),
  conv('Conv', 'dilations', [1, 2, 6, 7], [3, 2, 2, 3], { ...dilations(3, 2), ...pads(1, 2, 0, 1) }),
  conv('Conv', 'strides and dilations', [2, 2, 8, 7], [2, 2, 2, 2], { ...strides(2, 3), ...dilations(3, 2) }),
  conv('Conv', 'one by one', [2, 3, 2, 3], [4, 3, 1, 1], {}, 4),
  conv('Conv', 'one by one with strides', [2, 3, 3, 4], [2, 3, 1, 1], strides(2, 2)),
  conv('Conv', 'two groups', [2, 4, 4, 3], [6, 2, 2, 2], { ...group(2), ...pads(1, 0, 0, 1) }, 6),
  conv('Conv', 'two groups, strides and dilations', [2, 4, 8, 7], [2, 2, 3, 2], {
    ...group(2),
    ...strides(2, 2),
    ...dilations(1, 2),
  }),
  conv('Conv', 'depthwise', [2, 3, 4, 4], [3, 1, 3, 3], { ...group(3), ...pads(1, 1, 1, 1) }, 3),
  conv('Conv', 'depthwise with strides', [2, 3, 6, 5], [3, 1, 3, 3], {
    ...group(3),
    ...strides(2, 2),
    ...pads(1, 1, 1, 1),
  }),
  conv('Conv', 'depthwise with two filters each', [1, 2, 4, 4], [4, 1, 2, 2], group(2)),
  conv('Conv', 'SAME_UPPER', [1, 2, 5, 4], [2, 2, 2, 3], autoPad('SAME_UPPER')),
  conv('Conv', 'SAME_LOWER', [1, 2, 5, 4], [2, 2, 2, 3], autoPad('SAME_LOWER')),
  conv('Conv', 'SAME_UPPER with strides', [1, 2, 5, 6], [2, 2, 4, 3], {
    ...autoPad('SAME_UPPER'),
    ...strides(2, 3),
  }),
  conv('Conv', 'VALID', [1, 2, 4, 4], [2, 2, 2, 3], autoPad('VALID')),
  conv('Conv', 'NOTSET, kernel_shape', [1, 1, 3, 3], [1, 1, 2, 2], {
    ...autoPad('NOTSET'),
    kernel_shape: ints([2, 2]),
  }),
  conv('Conv', 'one axis', [2, 3, 7], [4, 3, 3], { ...strides(2), ...pads(1, 1) }, 4),
  conv('Conv', 'one axis, dilated groups', [2, 4, 9], [4, 2, 3], { ...dilations(2), ...group(2) }),
  conv('Conv', 'three axes', [1, 2, 3, 4, 3], [2, 2, 2, 2, 2], pads(0, 1, 0, 1, 0, 1), 2),
  conv('Conv', 'three axes, groups and strides', [1, 2, 4, 4, 5], [2, 1, 2, 2, 2], {
    ...group(2),
    ...strides(2, 1, 2),
  }),
  conv('Conv', 'the kernel as large as the input', [2, 2, 3, 3], [4, 2, 3, 3]),
  conv('Conv', 'extents 1', [1, 1, 1, 1], [1, 1, 1, 1], {}, 1),

  conv('ConvTranspose', 'two axes, bias', [2, 3, 3, 2], [3, 2, 2, 3], {}, 2),
  conv(
    'ConvTranspose',
    'strides, pads, output_padding',
    [2, 2, 3, 3],
    [2, 3, 3, 3],
    { ...strides(2, 2), ...pads(1, 1, 1, 1), ...outputPadding(1, 1) },
    3,
  ),
  conv('ConvTranspose', 'strides of a segmentation model', [1, 3, 2, 3], [3, 2, 2, 2], strides(2, 2)),
  conv('ConvTranspose', 'a stride larger than the kernel', [1, 2, 2, 3], [2, 2, 2, 1], strides(3, 3)),
  conv('ConvTranspose', 'uneven pads', [1, 2, 4, 3], [2, 2, 3, 3], pads(1, 0, 0, 2)),
  conv('ConvTranspose', 'dilations', [1, 2, 3, 3], [2, 2, 2, 3], { ...dilations(2, 1), ...strides(1, 2) }),
  conv('ConvTranspose', 'two groups', [2, 4, 2, 3], [4, 3, 2, 2], { ...group(2), ...strides(2, 1) }, 6),
  conv('ConvTranspose', 'depthwise', [1, 3, 3, 3], [3, 1, 3, 3], {
    ...group(3),
    ...strides(2, 2),
    ...pads(1, 1, 1, 1),
  }),
  conv('ConvTranspose', 'output_shape', [1, 2, 3, 3], [2, 2, 3, 3], {
    ...strides(2, 2),
    ...outputShape(5, 6),
  }),
  conv('ConvTranspose', 'output_shape, SAME_UPPER', [1, 2, 3, 3], [2, 2, 3, 3], {
    ...strides(2, 2),
    ...outputShape(6, 6),
    ...autoPad('SAME_UPPER'),
  }),
  conv('ConvTranspose', 'SAME_UPPER', [1, 2, 3, 2], [2, 2, 3, 4], {
    ...strides(2, 2),
    ...autoPad('SAME_UPPER'),
  }),
  conv('ConvTranspose', 'SAME_LOWER', [1, 2, 3, 2], [2, 2, 3, 4], {
    ...strides(2, 2),
    ...autoPad('SAME_LOWER'),
  }),
  conv('ConvTranspose', 'NOTSET, kernel_shape', [1, 2, 2, 3], [2, 1, 2, 2], {
    ...autoPad('NOTSET'),
    kernel_shape: ints([2, 2]),
  }),
  conv('ConvTranspose', 'VALID', [1, 2, 3, 2], [2, 2, 3, 2], { ...strides(2, 2), ...autoPad('VALID') }),
  conv('ConvTranspose', 'one axis', [2, 3, 4], [3, 2, 3], { ...strides(2), ...pads(1, 0) }, 2),
  conv('ConvTranspose', 'three axes', [1, 2, 2, 3, 2], [2, 2, 2, 2, 2], strides(2, 1, 2), 2),
];
