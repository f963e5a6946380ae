import { int, ints, string } from '../../../src/graph/graph.ts';
import { list, real, type Spec, spec } from '../spec.ts';

const blocksize = (value: number) => ({ blocksize: int(value) });
const mode = (value: string) => ({ mode: string(value) });
const padMode = (value: string): Spec[] => [
  spec('Pad', `mode ${value}, an image`, [real(1, 2, 4, 3), list(0, 0, 2, 1, 0, 0, 1, 2)], mode(value)),
  spec('Pad', `mode ${value}, one side`, [real(2, 5), list(0, 3, 0, 0)], mode(value)),
  spec(
    'Pad',
    `mode ${value}, some axes`,
    [real(2, 3, 4), list(1, 2, 0, 1), undefined, list(-1, 1)],
    mode(value),
  ),
];

export const rearrangementSpecs: readonly Spec[] = [
  spec('DepthToSpace', 'the default, DCR', [real(2, 8, 2, 3)], blocksize(2)),
  spec('DepthToSpace', 'CRD', [real(1, 8, 2, 3)], { ...blocksize(2), ...mode('CRD') }),
  spec('DepthToSpace', 'DCR, blocks of 3', [real(1, 9, 1, 2)], { ...blocksize(3), ...mode('DCR') }),
  spec('SpaceToDepth', 'blocks of 2', [real(2, 2, 4, 6)], blocksize(2)),
  spec('SpaceToDepth', 'blocks of 1', [real(1, 2, 2, 2)], blocksize(1)),

  spec('Col2Im', 'side by side', [real(1, 4, 4), list(4, 4), list(2, 2)], { strides: ints([2, 2]) }),
  spec('Col2Im', 'overlapping, padded', [real(2, 12, 18), list(4, 5), list(2, 3)], {
    pads: ints([0, 1, 0, 2]),
    dilations: ints([1, 1]),
    strides: ints([1, 1]),
  }),
  spec('Col2Im', 'dilations', [real(1, 4, 9), list(5, 5), list(2, 2)], { dilations: ints([2, 2]) }),

  spec('CenterCropPad', 'one axis cropped, one padded', [real(5, 4), list(2, 7)]),
  spec('CenterCropPad', 'the other parity', [real(6, 3), list(3, 6)]),
  spec('CenterCropPad', 'axes', [real(2, 5, 3), list(3, 6)], { axes: ints([1, 2]) }),

  ...['edge', 'reflect', 'wrap'].flatMap(padMode),
];
