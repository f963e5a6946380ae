import { fmix32 } from './fmix32.ts';

const GOLDEN = 0x9e3779b9;

/** An integer from 0 to 2³² − 1 that follows from a seed and counters, and from nothing else. */
export function counterKey(seed: number, counters: readonly number[]): number {
  let key = fmix32(seed + GOLDEN);
  for (const counter of counters) key = fmix32(key + Math.imul(counter + 1, GOLDEN));
  return key;
}

/**
 * Draws from [0, 1), one after another, by a counter-based generator: the same seed and counters give the same draws,
 * whatever was drawn elsewhere.
 */
export function counterDraws(seed: number, counters: readonly number[]): () => number {
  const key = counterKey(seed, counters);
  let drawn = 0;
  return () => fmix32(key + Math.imul(drawn++, GOLDEN)) / 2 ** 32;
}
