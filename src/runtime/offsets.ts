/** A block of memory that is wanted from one point in time to another, both included. */
export interface Block {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/** Every block begins at a multiple of so many bytes: what any element type needs. */
const ALIGNMENT = 64;

/**
 * Where blocks lie in one piece of memory, none beside another at the same time in the same place: the largest first, each at
 * the lowest place that is free for as long as it is wanted.
 *
 * @returns the offset of each, and the bytes of the piece
 */
export function planOffsets(blocks: readonly Block[]): {
  readonly offsets: readonly number[];
  readonly bytes: number;
} {
  const offsets = new Array<number>(blocks.length).fill(0);
  const placed: { readonly block: Block; readonly start: number; readonly end: number }[] = [];
  const bySize = [...blocks.entries()].sort(([i, a], [j, b]) => b.bytes - a.bytes || i - j);
  for (const [i, block] of bySize) {
    const others = placed.filter(({ block: { from, to } }) => from <= block.to && block.from <= to);
    let start = 0;
    for (const other of others.sort((a, b) => a.start - b.start)) {
      if (start + block.bytes <= other.start) break;
      start = Math.max(start, other.end);
    }
    offsets[i] = start;
    const end = Math.ceil((start + block.bytes) / ALIGNMENT) * ALIGNMENT;
    placed.push({ block, start, end });
  }
  return { offsets, bytes: Math.max(0, ...placed.map(({ end }) => end)) };
}
