import { type Attributes, float, int, ints, string } from '../../../src/graph/graph.ts';
import { known, list, numbers, real, type Spec, type SpecInput, spec } from '../spec.ts';

const scales = (...values: number[]): SpecInput => known(numbers([values.length], values));
const mode = (value: string) => ({ mode: string(value) });
const coordinates = (value: string) => ({ coordinate_transformation_mode: string(value) });
const nearestMode = (value: string) => ({ nearest_mode: string(value) });
const exclude = { exclude_outside: int(1) };
const antialias = { antialias: int(1) };

const byScales = (about: string, x: readonly number[], by: readonly number[], attributes: Attributes): Spec =>
  spec('Resize', about, [real(...x), undefined, scales(...by)], attributes);
const bySizes = (
  about: string,
  x: readonly number[],
  sizes: readonly number[],
  attributes: Attributes,
): Spec => spec('Resize', about, [real(...x), undefined, undefined, list(...sizes)], attributes);

const transformations = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
];

export const resizingSpecs: readonly Spec[] = [
  byScales('nearest, twice as large', [1, 2, 3, 2], [1, 1, 2, 2], coordinates('asymmetric')),
  ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((value) =>
    bySizes(`nearest, ${value}`, [1, 2, 4, 3], [1, 2, 7, 5], {
      ...nearestMode(value),
      ...coordinates('asymmetric'),
    }),
  ),
  byScales('nearest, smaller', [1, 1, 5, 6], [1, 1, 0.6, 0.5], {}),
  byScales('nearest, one axis', [2, 2, 4], [1, 1, 1.5], {}),
  ...transformations.flatMap((value) => [
    bySizes(`linear, ${value}, larger`, [1, 2, 3, 4], [1, 2, 5, 7], {
      ...mode('linear'),
      ...coordinates(value),
    }),
    byScales(`linear, ${value}, smaller`, [1, 2, 5, 6], [1, 1, 0.7, 0.55], {
      ...mode('linear'),
      ...coordinates(value),
    }),
    bySizes(`cubic, ${value}`, [1, 1, 4, 5], [1, 1, 7, 3], { ...mode('cubic'), ...coordinates(value) }),
  ]),
  bySizes('linear, to one position', [1, 1, 4, 4], [1, 1, 1, 1], {
    ...mode('linear'),
    ...coordinates('align_corners'),
  }),
  byScales('linear, one axis', [1, 2, 4], [1, 1, 2], mode('linear')),
  byScales('linear, three axes', [1, 1, 2, 3, 2], [1, 1, 2, 2, 1.5], mode('linear')),
  byScales('cubic, exclude_outside', [1, 1, 4, 4], [1, 1, 1.8, 0.6], { ...mode('cubic'), ...exclude }),
  byScales('cubic, another coefficient', [1, 1, 4, 4], [1, 1, 2, 2], {
    ...mode('cubic'),
    cubic_coeff_a: float(-0.5),
  }),
  bySizes('linear, antialias', [1, 2, 7, 6], [1, 2, 3, 4], { ...mode('linear'), ...antialias }),
  bySizes('linear, antialias, larger', [1, 2, 3, 4], [1, 2, 6, 7], { ...mode('linear'), ...antialias }),
  bySizes('cubic, antialias, edges repeated', [1, 1, 8, 7], [1, 1, 3, 4], { ...mode('cubic'), ...antialias }),
  bySizes('cubic, antialias', [1, 1, 8, 7], [1, 1, 3, 4], { ...mode('cubic'), ...antialias, ...exclude }),
  spec(
    'Resize',
    'tf_crop_and_resize with an extrapolation value',
    [real(1, 1, 4, 4), scales(0, 0, 0.2, -0.3, 1, 1, 0.8, 1.2), undefined, list(1, 1, 3, 5)],
    { ...mode('linear'), ...coordinates('tf_crop_and_resize'), extrapolation_value: float(7) },
  ),
  spec('Resize', 'axes', [real(1, 2, 3, 4), undefined, undefined, list(5, 6)], {
    ...mode('linear'),
    axes: ints([2, 3]),
  }),
  ...['stretch', 'not_larger', 'not_smaller'].map((policy) =>
    spec(
      'Resize',
      `keep_aspect_ratio_policy ${policy}`,
      [real(1, 2, 3, 4), undefined, undefined, list(6, 6)],
      {
        ...mode('linear'),
        axes: ints([2, 3]),
        keep_aspect_ratio_policy: string(policy),
      },
    ),
  ),
  bySizes('nothing to do', [1, 1, 3, 3], [1, 1, 3, 3], mode('linear')),
];
