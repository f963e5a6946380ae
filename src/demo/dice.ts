import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** A list with something in it. */
export type Choices<T> = readonly [T, ...T[]];

/** Draws that follow from a seed. */
export interface Dice {
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /** One of the choices, all alike. */
  pick<T>(choices: Choices<T>): T;
}

/** State words beside seed and stream; any but zero would do. */
const FILLING = [0x9e3779b9 | 0, 0x7f4a7c15] as const;
/** Neighbouring states need some draws to part. */
const SKIPPED = 32;

/** Dice of a seed and a stream, both 32-bit integers: same numbers, same draws. */
export function dice(seed: number, stream: number): Dice {
  const random = xoroshiro128plusFromState([seed, FILLING[0], stream, FILLING[1]]);
  for (let i = 0; i < SKIPPED; i++) random.next();
  return {
    between: (low, high) => uniformInt(random, low, high),
    chance: (p) => uniformFloat64(random) < p,
    pick: (choices) => choices[uniformInt(random, 0, choices.length - 1)] ?? choices[0],
  };
}
