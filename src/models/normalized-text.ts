import { commonSubsequence } from './common-subsequence.ts';

/** A text after normalisation, and where each part of it comes from; all in UTF-16 code units. */
export interface NormalizedText {
  readonly text: string;
  /** `starts[i]` to `ends[i]` is the part of the original that became `text[i]`; empty where it was added. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** Normalises texts of any kind, remembering where each character comes from. */
export type TraceableNormalizer = (text: string) => NormalizedText;

interface Piece {
  readonly text: string;
  /** Length of the original. */
  readonly length: number;
}

/** Pieces kept, so that a character is normalised once; there are as many as characters that users write. */
const CACHE_SIZE = 20_000;

/**
 * A normaliser that can be traced, of one that cannot.
 *
 * Most normalisation is of one character at a time (case, accents, spaces around ideographs), and what is not is of
 * one user-perceived character (composition). So each is normalised alone, and the result compared with that of the
 * whole text; where these differ (white space at the ends, a final sigma, replacements of several characters), what
 * they have in common tells what belongs together.
 */
export function traceable(normalize: (text: string) => string): TraceableNormalizer {
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const cache = new Map<string, readonly Piece[]>();
  const piecesOf = (cluster: string): readonly Piece[] => {
    const known = cache.get(cluster);
    if (known !== undefined) return known;
    const pieces = split(cluster, normalize);
    if (cache.size < CACHE_SIZE) cache.set(cluster, pieces);
    return pieces;
  };
  return (text) => {
    const pieces: Piece[] = [];
    for (const { segment } of segmenter.segment(text)) pieces.push(...piecesOf(segment));
    const joined = join(pieces);
    const whole = normalize(text);
    return joined.text === whole ? joined : follow(joined, whole);
  };
}

/** The code points of a user-perceived character where they are normalised one by one, else it as a whole. */
function split(cluster: string, normalize: (text: string) => string): readonly Piece[] {
  const whole = normalize(cluster);
  // White space at the ends of a text may be cut; this is what it is within.
  if (whole === '' && cluster.trim() === '') {
    return [{ text: normalize(`a${cluster}a`).slice(1, -1), length: cluster.length }];
  }
  const single = Array.from(cluster, (char): Piece => ({ text: normalize(char), length: char.length }));
  if (single.map(({ text }) => text).join('') === whole) return single;
  return [{ text: whole, length: cluster.length }];
}

function join(pieces: readonly Piece[]): NormalizedText {
  const text = pieces.map((piece) => piece.text).join('');
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let at = 0;
  let original = 0;
  for (const piece of pieces) {
    starts.fill(original, at, at + piece.text.length);
    original += piece.length;
    ends.fill(original, at, at + piece.text.length);
    at += piece.text.length;
  }
  return { text, starts, ends };
}

/** The map of `from` carried over to a text that differs from it in places; a replacement is from all it replaces. */
function follow(from: NormalizedText, text: string): NormalizedText {
  const { inFirst, inSecond } = commonSubsequence(from.text, text);
  const starts = new Int32Array(text.length);
  const ends = new Int32Array(text.length);
  let [a, b, last] = [0, 0, 0];
  for (let index = 0; index <= inFirst.length; index++) {
    const nextA = inFirst[index] ?? from.text.length;
    const nextB = inSecond[index] ?? text.length;
    const start = nextA > a ? (from.starts[a] ?? last) : last;
    if (nextA > a) last = from.ends[nextA - 1] ?? last;
    starts.fill(start, b, nextB);
    ends.fill(last, b, nextB);
    if (nextB === text.length) break;
    starts[nextB] = from.starts[nextA] ?? last;
    ends[nextB] = last = from.ends[nextA] ?? last;
    [a, b] = [nextA + 1, nextB + 1];
  }
  return { text, starts, ends };
}
