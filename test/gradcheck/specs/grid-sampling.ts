import { int, string } from '../../../src/graph/graph.ts';
import { list, real, type Spec, type SpecInput, spec } from '../spec.ts';

/** Coordinates about the image, some beyond its edges. */
const grid = (...shape: number[]): SpecInput => ({ ...real(...shape), values: (z) => 0.7 * z });
const sample = (mode: string, padding: string, aligned: number) => ({
  mode: string(mode),
  padding_mode: string(padding),
  align_corners: int(aligned),
});

export const gridSamplingSpecs: readonly Spec[] = [
  spec('GridSample', 'the defaults', [real(2, 3, 4, 5), grid(2, 3, 2, 2)]),
  ...['linear', 'nearest', 'cubic'].flatMap((mode) =>
    ['zeros', 'border', 'reflection'].flatMap((padding) =>
      [0, 1].map((aligned) =>
        spec(
          'GridSample',
          `${mode}, ${padding}, align_corners ${aligned}`,
          [real(1, 2, 4, 5), grid(1, 3, 4, 2)],
          sample(mode, padding, aligned),
        ),
      ),
    ),
  ),
  spec('GridSample', 'three axes', [real(1, 2, 3, 2, 4), grid(1, 2, 2, 2, 3)], sample('linear', 'border', 0)),
  spec(
    'GridSample',
    'three axes, nearest',
    [real(1, 1, 3, 2, 4), grid(1, 2, 1, 2, 3)],
    sample('nearest', 'zeros', 1),
  ),
  spec('AffineGrid', 'two axes', [real(2, 2, 3), list(2, 3, 4, 5)]),
  spec('AffineGrid', 'two axes, align_corners', [real(1, 2, 3), list(1, 1, 3, 2)], { align_corners: int(1) }),
  spec('AffineGrid', 'three axes', [real(1, 3, 4), list(1, 2, 2, 3, 2)]),
];
