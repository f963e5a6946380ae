/** How Resize maps one axis. */
export interface AxisResize {
  readonly input: number;
  readonly output: number;
  readonly scale: number;
  /** Where `tf_crop_and_resize` cuts, as parts of the axis. */
  readonly roi: readonly [start: number, end: number];
}

/** Resize's attributes, by ONNX's names. */
export interface ResizeMode {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearestMode: string;
  readonly cubicCoefficient: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

/** The linear map of one axis: `rows[o]` are the input positions and weights that output position `o` is made of. */
export interface AxisWeights {
  readonly rows: readonly (readonly (readonly [position: number, weight: number])[])[];
  /** Output positions whose coordinate lies outside of the input: they get the extrapolation value. */
  readonly outside: readonly boolean[];
}

/** The weights of one axis, as the ONNX page of Resize defines them. */
export function axisWeights(axis: AxisResize, mode: ResizeMode): AxisWeights {
  const cropped = mode.coordinates === 'tf_crop_and_resize';
  const coordinates = Array.from({ length: axis.output }, (_, o) => original(o, axis, mode.coordinates));
  const outside = coordinates.map((x) => cropped && (x < 0 || x > axis.input - 1));
  const rows = coordinates.map((x, o) =>
    outside[o] === true ? [] : merged(neighbours(x, axis, mode), axis.input),
  );
  return { rows, outside };
}

/** The input coordinate of an output position. */
function original(
  o: number,
  { input, output, scale, roi: [start, end] }: AxisResize,
  coordinates: string,
): number {
  const half = (o + 0.5) / scale - 0.5;
  switch (coordinates) {
    case 'asymmetric':
      return o / scale;
    case 'align_corners':
      return output === 1 ? 0 : (o * (input - 1)) / (output - 1);
    case 'pytorch_half_pixel':
      return output > 1 ? half : 0;
    case 'half_pixel_symmetric':
      return (input / 2) * (1 - output / (scale * input)) + half;
    case 'tf_crop_and_resize':
      return output > 1
        ? start * (input - 1) + (o * (end - start) * (input - 1)) / (output - 1)
        : 0.5 * (start + end) * (input - 1);
    default:
      return half;
  }
}

type Weighted = readonly [position: number, weight: number];

function neighbours(x: number, axis: AxisResize, mode: ResizeMode): readonly Weighted[] {
  if (mode.mode === 'nearest') return [[nearest(x, mode.nearestMode), 1]];
  const kernel = mode.mode === 'linear' ? triangle : cubic(mode.cubicCoefficient);
  const reach = mode.mode === 'linear' ? 1 : 2;
  // Downscaling with antialias widens the kernel so that it covers every input position.
  const stretch = mode.antialias ? Math.max(1, 1 / axis.scale) : 1;
  const support = reach * stretch;
  const taps: Weighted[] = [];
  for (let position = Math.ceil(x - support); position <= Math.floor(x + support); position++) {
    const weight = kernel((position - x) / stretch);
    if (weight !== 0) taps.push([position, weight]);
  }
  const counted = mode.excludeOutside
    ? taps.filter(([position]) => position >= 0 && position < axis.input)
    : taps;
  const total = counted.reduce((sum, [, weight]) => sum + weight, 0);
  return counted.map(([position, weight]) => [position, weight / total]);
}

function nearest(x: number, mode: string): number {
  switch (mode) {
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

const triangle = (t: number): number => Math.max(0, 1 - Math.abs(t));

/** The cubic convolution kernel of Keys, with its free coefficient. */
export const cubic =
  (a: number) =>
  (t: number): number => {
    const d = Math.abs(t);
    if (d >= 2) return 0;
    return d <= 1 ? (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1 : a * (d ** 3 - 5 * d ** 2 + 8 * d - 4);
  };

/** Positions beyond the ends count as the ends; weights of one position are added up. */
function merged(taps: readonly Weighted[], input: number): readonly Weighted[] {
  const weights = new Map<number, number>();
  for (const [position, weight] of taps) {
    const held = Math.min(input - 1, Math.max(0, position));
    weights.set(held, (weights.get(held) ?? 0) + weight);
  }
  return [...weights];
}
