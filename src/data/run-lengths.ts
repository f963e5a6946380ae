import { paddedLength } from './padded-length.ts';

/** What takes as long as making the graph of one length more, in positions that a step computes. */
const POSITIONS_OF_GRAPH = 500;

/** One length more holds memory as well: it has to save this share of all positions at least. */
const LEAST_SHARE = 1 / 500;

/** Rows that run together, before they are padded. */
export interface Unpadded {
  readonly rows: number;
  /** Tokens of the longest row. */
  readonly longest: number;
}

/**
 * The lengths that the batches of a run are padded to, ascending: those with the least padding, where each counts as much as
 * some positions for being a graph of its own.
 *
 * A short run has few lengths, a long one more. They follow from the batches alone.
 *
 * @param batches Of one epoch, say.
 * @param times How often they are run, as others of like lengths.
 */
export function runLengths(batches: readonly Unpadded[], times: number): readonly number[] {
  const rows = new Map<number, number>();
  for (const batch of batches) rows.set(batch.longest, (rows.get(batch.longest) ?? 0) + times * batch.rows);
  const lengths = [...rows.keys()].sort((a, b) => a - b);
  const positions = [...rows].reduce((sum, [length, count]) => sum + length * count, 0);
  const costOfLength = Math.max(POSITIONS_OF_GRAPH, LEAST_SHARE * positions);

  // best[n]: the least cost of the n shortest; the last of their lengths is for those from `from` on.
  const best: { readonly cost: number; readonly from: number }[] = [{ cost: 0, from: 0 }];
  for (const [last, length] of lengths.entries()) {
    let found = { cost: Number.POSITIVE_INFINITY, from: last };
    let padded = 0;
    for (let from = last; from >= 0; from--) {
      padded += length * (rows.get(lengths[from] ?? 0) ?? 0);
      const cost = (best[from]?.cost ?? 0) + padded + costOfLength;
      if (cost < found.cost) found = { cost, from };
    }
    best.push(found);
  }
  const chosen: number[] = [];
  for (let end = lengths.length; end > 0; end = best[end]?.from ?? 0) chosen.push(lengths[end - 1] ?? 0);
  return chosen.reverse();
}

/** Pads to the next of some lengths, ascending; beyond the last, as {@link paddedLength}. */
export function padTo(lengths: readonly number[]): (longest: number) => number {
  return (longest) => lengths.find((length) => length >= longest) ?? paddedLength(longest);
}
