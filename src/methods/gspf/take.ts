import { GspfError } from '../../errors.ts';
import type { Scorer } from './scores.ts';

/** What may be taken of one tensor: numbered elements or groups, each of some number of weights. */
export interface Candidates {
  readonly tensor: string;
  readonly count: number;
  readonly sizeOf: (candidate: number) => number;
}

/** What was taken: for each tensor a flag by candidate. */
export interface Taken {
  readonly flags: readonly Uint8Array[];
  /** Weights taken. */
  readonly size: number;
  /** The lowest score taken; null if none was. */
  readonly threshold: number | null;
  /** The highest score not taken; null if none is left. */
  readonly next: number | null;
}

/** Candidates with their flags; a flag is set once its candidate is taken. */
interface Pool {
  readonly candidates: readonly Candidates[];
  readonly flags: readonly Uint8Array[];
  readonly scorer: Scorer;
}

/**
 * Takes candidates best first, ties in order; one that no longer fits the budget is passed over.
 *
 * Nothing is sorted but the few candidates near the threshold: scores are made piece by piece, twice in most
 * cases, and counted by their leading bits. Beside that it keeps a byte for each candidate.
 *
 * @param scorer Scores of the candidates: the start index counts candidates.
 * @param budget Weights.
 * @throws `training/diverged` naming the tensor with a score that is not a number.
 */
export function takeBest(candidates: readonly Candidates[], scorer: Scorer, budget: number): Taken {
  const pool = { candidates, scorer, flags: candidates.map(({ count }) => new Uint8Array(count)) };
  let left = budget;
  let threshold: number | null = null;
  let next: number | null = null;
  // A round ends at the first candidate that does not fit; only smaller ones can follow it. So there are no
  // more rounds than sizes, and none after the first changes which is the best one passed over.
  let cut: Cut;
  do {
    cut = findCut(pool, left);
    const round = takeDownTo(pool, left, cut);
    left -= round.size;
    threshold = round.threshold ?? threshold;
    next ??= round.next;
  } while (left > 0 && cut !== EVERYTHING);
  return { flags: pool.flags, size: budget - left, threshold, next };
}

/**
 * Where the budget runs out: among the scores whose bits begin with `high`, `low` under the masks.
 *
 * Bits are those of {@link highKey} and {@link lowKey}; everything above fits.
 */
interface Cut {
  readonly maskHigh: number;
  readonly maskLow: number;
  readonly high: number;
  readonly low: number;
  /** Budget left for the candidates at the cut. */
  readonly room: number;
}

/** Every score is above this cut. */
const EVERYTHING: Cut = { maskHigh: 0, maskLow: 0, high: -1, low: 0, room: 0 };

/** So many candidates at the cut are few enough to be sorted. */
const FEW = 1 << 18;

/** Sixteen bits at a time, until few candidates share the bits at which the budget runs out. */
function findCut(pool: Pool, left: number): Cut {
  let cut: Cut = { maskHigh: 0, maskLow: 0, high: 0, low: 0, room: left };
  for (const digit of DIGITS) {
    const { counts, sizes } = histogram(pool, left, cut, digit);
    let room = cut.room;
    let bin = sizes.length - 1;
    while (bin >= 0 && (sizes[bin] ?? 0) <= room) room -= sizes[bin--] ?? 0;
    if (bin < 0) return EVERYTHING;
    cut = {
      maskHigh: digit.maskHigh,
      maskLow: digit.maskLow,
      high: cut.high + (digit.inHigh ? bin * 2 ** digit.shift : 0),
      low: cut.low + (digit.inHigh ? 0 : bin * 2 ** digit.shift),
      room,
    };
    if ((counts[bin] ?? 0) <= FEW) break;
  }
  return cut;
}

const ALL_BITS = 0xffffffff;
const LEADING_BITS = 0xffff0000;

/** The four digits of a 64-bit key, and the masks of a prefix that ends with them. */
const DIGITS = [
  { inHigh: true, shift: 16, maskHigh: LEADING_BITS, maskLow: 0 },
  { inHigh: true, shift: 0, maskHigh: ALL_BITS, maskLow: 0 },
  { inHigh: false, shift: 16, maskHigh: ALL_BITS, maskLow: LEADING_BITS },
  { inHigh: false, shift: 0, maskHigh: ALL_BITS, maskLow: ALL_BITS },
] as const;

/** Number and total size, by the digit's value, of the candidates at the cut that would fit. */
function histogram(
  pool: Pool,
  left: number,
  cut: Cut,
  { inHigh, shift }: (typeof DIGITS)[number],
): { readonly counts: Float64Array; readonly sizes: Float64Array } {
  const counts = new Float64Array(1 << 16);
  const sizes = new Float64Array(1 << 16);
  for (const { start, scores, words, flags, sizeOf } of chunks(pool)) {
    for (let i = 0; i < scores.length; i++) {
      if (flags[start + i] !== 0) continue;
      const size = sizeOf(start + i);
      if (size > left) continue;
      const high = highKey(words, i);
      const low = lowKey(words, i);
      if (side(cut, high, low) !== 0) continue;
      const bin = ((inHigh ? high : low) >>> shift) & 0xffff;
      counts[bin] = (counts[bin] ?? 0) + 1;
      sizes[bin] = (sizes[bin] ?? 0) + size;
    }
  }
  return { counts, sizes };
}

/** Takes every fitting candidate above the cut, and those at the cut in order up to the first that is too big. */
function takeDownTo(pool: Pool, left: number, cut: Cut): Omit<Taken, 'flags'> {
  let size = 0;
  let threshold: number | null = null;
  let next: number | null = null;
  const take = (flags: Uint8Array, candidate: number, taken: number, score: number): void => {
    flags[candidate] = 1;
    size += taken;
    if (threshold === null || score < threshold) threshold = score;
  };
  const pass = (score: number): void => {
    if (next === null || score > next) next = score;
  };
  let room = cut.room;
  let full = false;
  const offer = (flags: Uint8Array, candidate: number, offered: number, score: number): void => {
    full ||= offered > room;
    if (full) {
      pass(score);
    } else {
      room -= offered;
      take(flags, candidate, offered, score);
    }
  };

  const allEqual = cut.maskLow === ALL_BITS;
  const near: { flags: Uint8Array; candidate: number; offered: number; score: number }[] = [];
  for (const { start, scores, words, flags, sizeOf } of chunks(pool)) {
    for (let i = 0; i < scores.length; i++) {
      const candidate = start + i;
      if (flags[candidate] !== 0) continue;
      const score = scores[i] ?? 0;
      const offered = sizeOf(candidate);
      const where = offered > left ? -1 : side(cut, highKey(words, i), lowKey(words, i));
      if (where < 0) pass(score);
      else if (where > 0) take(flags, candidate, offered, score);
      else if (allEqual) offer(flags, candidate, offered, score);
      else near.push({ flags, candidate, offered, score });
    }
  }
  near.sort((a, b) => b.score - a.score); // stable: equal scores stay in order
  for (const { flags, candidate, offered, score } of near) offer(flags, candidate, offered, score);
  return { size, threshold, next };
}

/** Above 0 for a key above the cut, 0 at it, below 0 under it. */
function side({ maskHigh, maskLow, high, low }: Cut, keyHigh: number, keyLow: number): number {
  return ((keyHigh & maskHigh) >>> 0) - high || ((keyLow & maskLow) >>> 0) - low;
}

/**
 * Upper half of a double's bits, changed so that unsigned keys order as the numbers do: a positive number's sign
 * bit is set, all bits of a negative one are flipped.
 */
function highKey(words: Uint32Array, i: number): number {
  const word = words[2 * i + 1] ?? 0;
  return (word ^ ((word >> 31) | 0x80000000)) >>> 0;
}

/** Lower half of the same key. */
function lowKey(words: Uint32Array, i: number): number {
  return ((words[2 * i] ?? 0) ^ ((words[2 * i + 1] ?? 0) >> 31)) >>> 0;
}

const CHUNK = 1 << 16;

interface Chunk {
  readonly start: number;
  readonly scores: Float64Array;
  /** The bits of `scores`, lower half first. */
  readonly words: Uint32Array;
  /** Of the whole tensor. */
  readonly flags: Uint8Array;
  readonly sizeOf: (candidate: number) => number;
}

/** All scores in order, a piece at a time; a piece is overwritten by the next. */
function* chunks({ candidates, scorer, flags }: Pool): Generator<Chunk> {
  const buffer = new Float64Array(CHUNK);
  for (const [number, { tensor, count, sizeOf }] of candidates.entries()) {
    for (let start = 0; start < count; start += CHUNK) {
      const scores = buffer.subarray(0, Math.min(CHUNK, count - start));
      scorer(tensor, start, scores);
      for (let i = 0; i < scores.length; i++) {
        const score = scores[i] ?? 0;
        if (Number.isNaN(score)) throw notANumber(tensor);
        scores[i] = score + 0; // −0 counts as 0
      }
      const words = new Uint32Array(buffer.buffer, 0, 2 * scores.length);
      yield { start, scores, words, flags: flags[number] ?? new Uint8Array(count), sizeOf };
    }
  }
}

function notANumber(tensor: string): GspfError {
  return new GspfError('training/diverged', {
    subject: `score of "${tensor}"`,
    expected: 'numbers',
    got: 'NaN',
    hint: 'The gradients or weights are not finite: lower the learning rate, or check the data.',
  });
}
