import { counterDraws } from '../data/counter-draws.ts';

/** Two things measured one right after the other, in the same unit: what slows a machine down slows both. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

/** A median, and the interval that it lies in with the confidence asked for. */
export interface MedianInterval {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
  /** Values behind it. */
  readonly count: number;
}

/** How an interval is estimated. */
export interface IntervalOptions {
  /** An integer from 0 to 2³² − 1: the same seed and values give the same interval. */
  readonly seed?: number;
  readonly confidence?: number;
  readonly resamples?: number;
}

/**
 * The median of ours ÷ theirs, pair by pair; infinite where ours never came to an end.
 *
 * @returns undefined where there is no pair
 */
export function pairedRatio(pairs: readonly Pair[], options?: IntervalOptions): MedianInterval | undefined {
  return medianInterval(
    pairs.map(({ ours, theirs }) => ours / theirs),
    options,
  );
}

/**
 * The median of values with its percentile bootstrap interval (Efron 1979): the medians of as many values drawn with
 * replacement, again and again, less the outermost of them.
 *
 * @returns undefined where there is no value
 */
export function medianInterval(
  values: readonly number[],
  { seed = 0, confidence = 0.95, resamples = 10_000 }: IntervalOptions = {},
): MedianInterval | undefined {
  if (values.length === 0) return undefined;
  const draw = counterDraws(seed, [values.length]);
  const medians = Float64Array.from({ length: resamples }, () =>
    median(values.map(() => values[Math.floor(draw() * values.length)] ?? Number.NaN)),
  ).sort();
  const tail = (1 - confidence) / 2;
  return {
    median: median(values),
    lower: quantile(medians, tail),
    upper: quantile(medians, 1 - tail),
    count: values.length,
  };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: Iterable<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** Of ascending values, interpolated between neighbours (type 7 of Hyndman and Fan 1996, NumPy's default). */
function quantile(ascending: Float64Array, share: number): number {
  const at = share * (ascending.length - 1);
  const below = ascending[Math.floor(at)] ?? Number.NaN;
  const above = ascending[Math.ceil(at)] ?? Number.NaN;
  // Also of infinite values, whose difference is none.
  return below === above ? below : below + (at - Math.floor(at)) * (above - below);
}
