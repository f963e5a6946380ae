import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { GspfError } from '../errors.ts';
import { fmix32 } from './fmix32.ts';

/** Who draws from which stream of a seed, so that no two draws of a run are tied to each other. */
export const streams = {
  limit: 0,
  split: 1,
  epochRows: (epoch: number): number => 16 + 2 * epoch,
  epochBatches: (epoch: number): number => 17 + 2 * epoch,
} as const;

/**
 * The numbers 0 … n − 1 in an order that follows from (n, seed, stream) alone: Fisher–Yates over xoroshiro128+.
 *
 * @param seed An integer from 0 to 2³² − 1.
 * @param stream An integer from 0 to 2³¹ − 1; orders of different streams are independent.
 * @throws `usage/option` for a seed out of range.
 */
export function permutation(n: number, seed: number, stream: number): Int32Array {
  const random = generator(seed, stream);
  const order = Int32Array.from({ length: n }, (_, index) => index);
  for (let last = n - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    const moved = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = moved;
  }
  return order;
}

/**
 * n float32 draws from the standard normal distribution by Box and Muller's transform, computed in float64.
 *
 * @param seed An integer from 0 to 2³² − 1.
 * @param stream An integer from 0 to 2³¹ − 1, independent of the streams of {@link permutation}.
 * @throws `usage/option` for a seed out of range.
 */
export function gaussian(n: number, seed: number, stream: number): Float32Array {
  const random = generator(seed, 2 ** 31 + stream);
  const values = new Float32Array(n);
  for (let index = 0; index < n; index += 2) {
    // r = √(−2 ln u), u in (0, 1]; the pair r·cos 2πv, r·sin 2πv is independent and standard normal.
    const radius = Math.sqrt(-2 * Math.log(1 - uniformFloat64(random)));
    const angle = 2 * Math.PI * uniformFloat64(random);
    values[index] = radius * Math.cos(angle);
    if (index + 1 < n) values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}

const GOLDEN = 0x9e3779b9;

/** The four state words are hashes of (seed, stream): neighbouring seeds and streams start far apart. */
function generator(seed: number, stream: number): RandomGenerator {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new GspfError('usage/option', {
      subject: 'seed',
      expected: `an integer from 0 to ${2 ** 32 - 1}`,
      got: `${seed}`,
    });
  }
  const word = (index: number): number =>
    fmix32(fmix32((seed + Math.imul(index, GOLDEN)) | 0) + Math.imul(stream, GOLDEN));
  // A state of zeros alone would stay there.
  return xoroshiro128plusFromState([word(1), word(2), word(3), word(4) | 1]);
}
