// Sixteen bits at a time of a score's key: an unsigned number of 64 bits, and keys order as the scores do.

/**
 * The bits of the i-th score's key from `shift` (48, 32, 16 or 0) on: the key of a number below 0 is all its bits
 * flipped, that of another its bits with the sign bit set.
 *
 * @param score Not −0, whose key is not that of 0.
 * @param words The bits of all the scores, lower half first.
 */
export function keyBits(words: Uint32Array, i: number, score: number, shift: number): number {
  const half = shift >= 32 ? 1 : 0;
  const flips = score < 0 ? -1 : half << 31;
  return (((words[2 * i + half] ?? 0) ^ flips) >>> (shift & 16)) & 0xffff;
}

const SIGN = 1n << 63n;

/** The number with this key; `beyond` for the keys past those of the infinities. */
export function scoreOfKey(key: bigint, beyond: number): number {
  const bits = new BigUint64Array([key >= SIGN ? key - SIGN : ~key]);
  const score = new Float64Array(bits.buffer)[0] ?? 0;
  if (Number.isNaN(score)) return beyond;
  // −0 is no score, but would compare as 0.
  return Object.is(score, -0) ? -Number.MIN_VALUE : score;
}
