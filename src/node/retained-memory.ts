import { isMainThread } from 'node:worker_threads';
import { z } from 'zod';

const MB = 2 ** 20;

/** What glibc never takes from its heap (DEFAULT_MMAP_THRESHOLD_MAX). */
const TOO_LARGE = 32 * MB;

/** How much the heap can hold of freed memory at least. It takes address space, no memory until it is used. */
const ROOM = 2048 * MB;

/** The end of the heap, for as long as the process lives. */
let end: ArrayBuffer | undefined;

/**
 * Lets memory that is freed stay with the process, for what is allocated next, where the C library is glibc.
 *
 * glibc gives freed memory back to the system in two cases (mallopt(3)): what came from mmap, as all large blocks do at
 * first, and the end of the heap. A step allocates the same again a moment later, page by page, each of which the system
 * has to clear. Both are undone without any call of glibc: when a block from mmap is freed, blocks of its size are taken from the
 * heap from then on (M_MMAP_THRESHOLD is dynamic); and when blocks at the end of the heap are freed after a last small
 * one was taken, they are no longer its end.
 *
 * @param reclaim Frees arrays that nothing refers to.
 * @returns whether it did; false outside the main thread, whose memory lies elsewhere
 */
export function retainMemory(reclaim: () => void): boolean {
  if (end !== undefined) return true;
  if (!isMainThread || !isGlibc()) return false;
  const block = TOO_LARGE - MB;
  try {
    take(block + MB / 2);
    reclaim();
    // What a collection frees is there for certain when the next one begins.
    reclaim();
    const before = process.memoryUsage.rss();
    // Where the heap cannot grow in one piece, glibc clears what it hands out by writing it: it would all be used.
    const isWritten = (): boolean => process.memoryUsage.rss() - before > block / 2;
    let blocks: ArrayBuffer[] = [];
    while (blocks.length < ROOM / TOO_LARGE && !isWritten()) blocks.push(take(block));
    const isRoom = blocks.length === ROOM / TOO_LARGE && !isWritten();
    if (isRoom) end = take(MB);
    blocks = [];
    reclaim();
    return isRoom && blocks.length === 0;
  } catch (cause) {
    // The process may not have so much address space.
    if (cause instanceof RangeError) return false;
    throw cause;
  }
}

const take = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes);

const reportSchema = z.object({ header: z.object({ glibcVersionRuntime: z.string().optional() }) });

function isGlibc(): boolean {
  if (process.platform !== 'linux') return false;
  const report = reportSchema.safeParse(process.report.getReport());
  return report.success && report.data.header.glibcVersionRuntime !== undefined;
}
