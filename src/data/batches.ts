import { GspfError } from '../errors.ts';
import { paddedLength } from './padded-length.ts';
import { permutation, streams } from './shuffle.ts';

/** Rows that run together, padded to one length. */
export interface Batch {
  /** Row numbers, `[batch]`. */
  readonly rows: Int32Array;
  /** Padded length in tokens. */
  readonly length: number;
}

interface BatchOptions {
  /** Length of each row in tokens. */
  readonly lengths: ArrayLike<number>;
  /** Rows a batch, at least 2. */
  readonly batchSize: number;
  /**
   * The only number of rows that the model takes at once, in place of `batchSize`: a last batch that lacks some is filled
   * up with the first rows of the order.
   */
  readonly fixedRows?: number | undefined;
  /** Longest padded length; rows beyond it are for the caller to truncate. */
  readonly maxLength?: number | undefined;
  /** The length that rows are padded to, by the longest of them: {@link paddedLength}, if left out. */
  readonly padded?: ((longest: number) => number) | undefined;
}

interface EpochOptions extends BatchOptions {
  readonly seed: number;
  readonly epoch: number;
  /** Rows are sorted by length within pools of this many batches. */
  readonly poolBatches?: number | undefined;
}

/**
 * How many batches n rows make: ⌈n / batchSize⌉, or ⌊n / 2⌋ for an odd n in batches of 2.
 *
 * @throws `usage/option` for a batch size below 2.
 */
export function countBatches(n: number, batchSize: number): number {
  return batchSizes(n, batchSize).length;
}

/**
 * The batches of one training epoch: every row once, rows of like length together, in an order that follows
 * from (seed, epoch).
 *
 * All rows are permuted, cut into pools, each pool is sorted by length, cut into batches, and the batches are
 * permuted. No batch has a single row unless there is but one: a left-over row is joined by one row of the batch
 * formed before it, so that no batch exceeds `batchSize`; in batches of 2 it joins that batch, which then has 3.
 *
 * @throws `usage/option` for a batch size below 2, or pools below 1.
 */
export function lengthBucketedBatches(options: EpochOptions): Batch[] {
  const { lengths, batchSize, seed, epoch, poolBatches = 50 } = options;
  requireInteger('poolBatches', poolBatches, 1);
  if (options.fixedRows === undefined) requireInteger('batchSize', batchSize, 2);
  const shuffled = permutation(lengths.length, seed, streams.epochRows(epoch));
  const poolSize = poolBatches * batchSize;
  const order: number[] = [];
  for (let start = 0; start < shuffled.length; start += poolSize) {
    const pool = Array.from(shuffled.subarray(start, start + poolSize));
    for (const row of sortedByLength(pool, lengths)) order.push(row);
  }
  const batches = cut(order, options);
  const permuted: Batch[] = [];
  for (const index of permutation(batches.length, seed, streams.epochBatches(epoch))) {
    const batch = batches[index];
    if (batch !== undefined) permuted.push(batch);
  }
  return permuted;
}

/**
 * Batches for evaluation: every row once, by ascending length, always in the same order; single rows are avoided
 * as in {@link lengthBucketedBatches}.
 *
 * @throws `usage/option` for a batch size below 2.
 */
export function sequentialBatches(options: BatchOptions): Batch[] {
  const rows = Array.from(options.lengths, (_, row) => row);
  return cut(sortedByLength(rows, options.lengths), options);
}

/** Stable: rows of one length keep their order. */
function sortedByLength(rows: number[], lengths: ArrayLike<number>): number[] {
  return rows.sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0));
}

function cut(order: readonly number[], options: BatchOptions): Batch[] {
  const {
    lengths,
    batchSize,
    fixedRows,
    maxLength = Number.POSITIVE_INFINITY,
    padded = paddedLength,
  } = options;
  let start = 0;
  const sizes =
    fixedRows === undefined
      ? batchSizes(order.length, batchSize)
      : Array.from({ length: Math.ceil(order.length / fixedRows) }, () => fixedRows);
  return sizes.map((size) => {
    const rows = Int32Array.from({ length: size }, (_, i) => order[(start + i) % order.length] ?? 0);
    start += size;
    const longest = rows.reduce((most, row) => Math.max(most, lengths[row] ?? 0), 1);
    return { rows, length: Math.min(padded(longest), maxLength) };
  });
}

/** Sizes of the batches that n rows are cut into, none of them 1 unless n is. */
function batchSizes(n: number, batchSize: number): number[] {
  // A row's result can depend on its batch when it runs alone, so batches of one are not offered.
  requireInteger('batchSize', batchSize, 2);
  const full = Math.floor(n / batchSize);
  const rest = n % batchSize;
  const sizes = Array.from({ length: full }, () => batchSize);
  if (rest === 0) return sizes;
  if (rest > 1 || full === 0) return [...sizes, rest];
  return batchSize === 2 ? [...sizes.slice(1), 3] : [...sizes.slice(1), batchSize - 1, 2];
}

function requireInteger(option: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new GspfError('usage/option', {
    subject: option,
    expected: `an integer of at least ${least}`,
    got: `${value}`,
  });
}
