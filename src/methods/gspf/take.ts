import { keyBits, scoreOfKey } from './keys.ts';
import { readScores } from './mix.ts';
import type { Scorer } from './scores.ts';
import { notANumber, type Shortlist, shortlist } from './shortlist.ts';

/** What may be taken of one tensor: numbered elements or groups. */
export interface Candidates {
  readonly tensor: string;
  readonly count: number;
  /** Weights of each; a function of the number where they differ. */
  readonly size: number | ((candidate: number) => number);
}

/** What was taken. */
export interface Taken {
  /** The candidates of each tensor, ascending. */
  readonly taken: readonly Int32Array[];
  /** Weights taken. */
  readonly size: number;
  /** Σ of their scores, those below 0 left out. */
  readonly mass: number;
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
 * @param scorer Scores of the candidates: the start index counts candidates.
 * @param budget Weights.
 * @param listed A shortlist of at least `budget` + 1 of each of the tensors; null to rank all candidates.
 * @throws `training/diverged` naming the tensor with a score that is not a number.
 */
export function takeBest(
  candidates: readonly Candidates[],
  scorer: Scorer,
  budget: number,
  listed: Shortlist | null = shortlist(candidates, scorer, budget + 1),
): Taken {
  if (listed === null) return takeBestOfAll(candidates, scorer, budget);
  const contenders = candidates.map(({ tensor }) => listed.get(tensor)?.numbers ?? new Int32Array(0));
  const { taken, ...found } = takeBestOfAll(
    candidates.map(({ tensor }, i) => ({ tensor, count: contenders[i]?.length ?? 0, size: 1 })),
    readScores(new Map([...listed].map(([tensor, { scores }]) => [tensor, scores]))),
    budget,
  );
  return { ...found, taken: taken.map((places, i) => places.map((place) => contenders[i]?.[place] ?? 0)) };
}

/**
 * Nothing is sorted but the few candidates near the threshold: scores are made piece by piece, mostly twice, and
 * counted by their leading bits. Beside that it keeps a byte for each candidate.
 */
function takeBestOfAll(candidates: readonly Candidates[], scorer: Scorer, budget: number): Taken {
  const pool = { candidates, scorer, flags: candidates.map(({ count }) => new Uint8Array(count)) };
  let left = budget;
  let threshold: number | null = null;
  let next: number | null = null;
  let mass = 0;
  // A round that leaves budget has passed over a candidate that no longer fits, and only smaller ones can
  // follow: there are no more rounds than sizes.
  let cut: Cut;
  do {
    cut = findCut(pool, left);
    const round = takeDownTo(pool, left, cut);
    left -= round.size;
    mass += round.mass;
    threshold = round.threshold ?? threshold;
    next = round.next;
  } while (left > 0 && cut !== EVERYTHING);
  return { taken: pool.flags.map(numbersOf), size: budget - left, mass, threshold, next };
}

/** The numbers of the flags that are set. */
function numbersOf(flags: Uint8Array): Int32Array {
  const numbers: number[] = [];
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) numbers.push(i);
  return Int32Array.from(numbers);
}

/** Where the budget runs out: among the scores between two bounds, inclusive. Everything above fits. */
interface Cut {
  readonly from: number;
  readonly to: number;
  /** Budget left for the candidates between the bounds. */
  readonly room: number;
}

const EVERYTHING: Cut = { from: -Infinity, to: -Infinity, room: Infinity };

/** So many candidates between the bounds are few enough to be sorted. */
const FEW = 1 << 18;

/** Narrows the cut by sixteen bits of the scores' keys at a time, until few candidates are in it. */
function findCut(pool: Pool, left: number): Cut {
  let cut: Cut = { from: -Infinity, to: Infinity, room: left };
  let prefix = 0n;
  for (const shift of [48, 32, 16, 0]) {
    const { counts, sizes } = histogram(pool, left, cut, shift);
    let room = cut.room;
    let bin = sizes.length - 1;
    while (bin >= 0 && (sizes[bin] ?? 0) <= room) room -= sizes[bin--] ?? 0;
    if (bin < 0) return EVERYTHING;
    prefix |= BigInt(bin) << BigInt(shift);
    const last = prefix | ((1n << BigInt(shift)) - 1n);
    cut = { from: scoreOfKey(prefix, -Infinity), to: scoreOfKey(last, Infinity), room };
    if ((counts[bin] ?? 0) <= FEW) break;
  }
  return cut;
}

/** Number and total size of the fitting candidates within the cut, by sixteen bits of their key. */
function histogram(
  pool: Pool,
  left: number,
  { from, to }: Cut,
  shift: number,
): { readonly counts: Float64Array; readonly sizes: Float64Array } {
  const counts = new Float64Array(1 << 16);
  const sizes = new Float64Array(1 << 16);
  for (const { start, scores, words, flags, size } of pieces(pool)) {
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] ?? 0;
      if (score < from || score > to || flags[start + i] !== 0) continue;
      const weights = typeof size === 'number' ? size : size(start + i);
      if (weights > left) continue;
      const bin = keyBits(words, i, score, shift);
      counts[bin] = (counts[bin] ?? 0) + 1;
      sizes[bin] = (sizes[bin] ?? 0) + weights;
    }
  }
  return { counts, sizes };
}

/** Takes the fitting candidates above the cut, and of those within it, best first, what fits. */
function takeDownTo(pool: Pool, left: number, cut: Cut): Omit<Taken, 'taken'> {
  const { from, to } = cut;
  let taken = 0;
  let mass = 0;
  let threshold = Infinity;
  let next = -Infinity;
  let isAnyLeft = false;
  let room = cut.room;
  const offer = (flags: Uint8Array, candidate: number, size: number, score: number): void => {
    if (size > room) {
      isAnyLeft = true;
      next = Math.max(next, score);
    } else {
      flags[candidate] = 1;
      room -= size;
      taken += size;
      mass += Math.max(0, score) * size;
      threshold = Math.min(threshold, score);
    }
  };

  const within: { flags: Uint8Array; candidate: number; weights: number; score: number }[] = [];
  for (const { start, scores, flags, size } of pieces(pool)) {
    for (let i = 0; i < scores.length; i++) {
      const candidate = start + i;
      if (flags[candidate] !== 0) continue;
      const score = scores[i] ?? 0;
      const weights = typeof size === 'number' ? size : size(candidate);
      if (score < from || weights > left) {
        isAnyLeft = true;
        if (score > next) next = score;
      } else if (score > to) {
        flags[candidate] = 1;
        taken += weights;
        mass += Math.max(0, score) * weights;
        if (score < threshold) threshold = score;
      } else if (from === to) {
        offer(flags, candidate, weights, score);
      } else {
        within.push({ flags, candidate, weights, score });
      }
    }
  }
  within.sort((a, b) => b.score - a.score); // stable: equal scores stay in order
  for (const { flags, candidate, weights, score } of within) offer(flags, candidate, weights, score);
  return { size: taken, mass, threshold: taken > 0 ? threshold : null, next: isAnyLeft ? next : null };
}

const PIECE = 1 << 16;

interface Piece {
  readonly start: number;
  readonly scores: Float64Array;
  /** The bits of `scores`, lower half first. */
  readonly words: Uint32Array;
  /** Flags and sizes of the whole tensor. */
  readonly flags: Uint8Array;
  readonly size: Candidates['size'];
}

/** All scores in order; a piece is overwritten by the next. */
function* pieces({ candidates, scorer, flags }: Pool): Generator<Piece> {
  const buffer = new Float64Array(PIECE);
  for (const [number, { tensor, count, size }] of candidates.entries()) {
    for (let start = 0; start < count; start += PIECE) {
      const scores = buffer.subarray(0, Math.min(PIECE, count - start));
      scorer(tensor, start, scores);
      for (let i = 0; i < scores.length; i++) {
        const score = scores[i] ?? 0;
        if (Number.isNaN(score)) throw notANumber(tensor);
        scores[i] = score + 0; // −0 counts as 0
      }
      const words = new Uint32Array(buffer.buffer, 0, 2 * scores.length);
      yield { start, scores, words, flags: flags[number] ?? new Uint8Array(count), size };
    }
  }
}
