import { GspfError } from '../../errors.ts';
import { keyBits, scoreOfKey } from './keys.ts';
import type { Scorer } from './scores.ts';
import type { Candidates } from './take.ts';

/** Candidates of one tensor with a chance to be taken. */
export interface Contenders {
  /** Which they are, ascending. */
  readonly numbers: Int32Array;
  readonly scores: Float64Array;
}

/** The contenders of each tensor, by its name. */
export type Shortlist = ReadonlyMap<string, Contenders>;

const PIECE = 1 << 16;

/** A list is given up where it takes more memory than a byte for each candidate. */
const SHARE = 1 / 16;

/**
 * Lists, in one pass over the scores, the best `most` candidates of the first tensor, of the first two, of the first
 * three and so on: whatever is taken of so many tensors is on the list. So are all whose scores share the leading sixteen
 * bits ({@link keyBits}) with the last of these.
 *
 * @param most At least 1.
 * @param scorer Is asked for scores below the `most`-th best so far only roughly.
 * @returns null where candidates are groups, or the list becomes too long.
 * @throws `training/diverged` naming the tensor with a score that is not a number.
 */
export function shortlist(candidates: readonly Candidates[], scorer: Scorer, most: number): Shortlist | null {
  if (candidates.some(({ size }) => size !== 1)) return null;
  let room = Math.max(PIECE, SHARE * candidates.reduce((sum, { count }) => sum + count, 0));
  const buffer = new Float64Array(PIECE);
  const bar: Bar = { counts: new Int32Array(1 << 16), bin: 0, floor: -Infinity, counted: 0 };
  const lists = new Map<string, Contenders>();
  for (const { tensor, count } of candidates) {
    let found: Found = { numbers: [], scores: [] };
    for (let start = 0; start < count; start += PIECE) {
      const piece = buffer.subarray(0, Math.min(PIECE, count - start));
      scorer(tensor, start, piece, bar.floor);
      if (!gather(piece, start, bar, found)) throw notANumber(tensor);
      raise(bar, most);
      if (found.scores.length > room) found = above(bar.floor, found);
      if (found.scores.length > room) return null;
    }
    const { numbers, scores } = above(bar.floor, found);
    lists.set(tensor, { numbers: Int32Array.from(numbers), scores: Float64Array.from(scores) });
    room -= scores.length;
  }
  return lists;
}

/** Where scores begin to count. */
interface Bar {
  /** Scores from the floor up, by their leading bits. */
  readonly counts: Int32Array;
  /** The leading bits of the floor. */
  bin: number;
  floor: number;
  /** All scores from the floor up. */
  counted: number;
}

interface Found {
  readonly numbers: number[];
  readonly scores: number[];
}

/** Adds the scores from the floor up to those found; false for a score that is not a number. */
function gather(piece: Float64Array, start: number, bar: Bar, { numbers, scores }: Found): boolean {
  const { counts, floor } = bar;
  const words = new Uint32Array(piece.buffer, 0, 2 * piece.length);
  const before = scores.length;
  for (let i = 0; i < piece.length; i++) {
    const score = (piece[i] ?? 0) + 0; // −0 counts as 0
    if (score < floor) continue;
    if (Number.isNaN(score)) return false;
    piece[i] = score;
    const bits = keyBits(words, i, score, 48);
    counts[bits] = (counts[bits] ?? 0) + 1;
    numbers.push(start + i);
    scores.push(score);
  }
  bar.counted += scores.length - before;
  return true;
}

/** Raises the floor as far as `most` scores stay. */
function raise(bar: Bar, most: number): void {
  const { counts } = bar;
  while (bar.counted - (counts[bar.bin] ?? 0) >= most) bar.counted -= counts[bar.bin++] ?? 0;
  bar.floor = scoreOfKey(BigInt(bar.bin) << 48n, -Infinity);
}

/** What is still from the floor up. */
function above(floor: number, { numbers, scores }: Found): Found {
  const isKept = scores.map((score) => score >= floor);
  return { numbers: numbers.filter((_, i) => isKept[i]), scores: scores.filter((_, i) => isKept[i]) };
}

/** The error of a tensor with a score that is none. */
export function notANumber(tensor: string): GspfError {
  return new GspfError('training/diverged', {
    subject: `score of "${tensor}"`,
    expected: 'numbers',
    got: 'NaN',
    hint: 'The gradients or weights are not finite: lower the learning rate, or check the data.',
  });
}
