/** Bytes that a run knows of, because it asked for them. */
export interface HeldBytes {
  /** All weights of the model, float32. */
  readonly weights: number;
  /** Of the active weights. */
  readonly gradients: number;
  /** Moments of AdamW; in the warm-up the sums of what is measured. */
  readonly optimizer: number;
  /** Intermediate values that the largest graph keeps at once, by the shapes of its values. */
  readonly activations: number;
  /** Kept outputs of the frozen prefix. */
  readonly prefix: number;
}

/** What the system and the JavaScript engine say of a process, in bytes. */
export interface ProcessMemory {
  /** Resident now, and at most so far. */
  readonly rssBytes: number;
  readonly peakRssBytes: number;
  /** JavaScript's heap; the contents of typed arrays are not part of it. */
  readonly heapBytes: number;
  /** Of the resident pages those of no file, and those of mapped files; Linux alone tells them apart. */
  readonly anonBytes?: number | undefined;
  readonly fileBytes?: number | undefined;
}

/** A process's peak by what holds it, in bytes. */
export interface MemoryReport extends HeldBytes {
  readonly heap: number;
  /** Pages of mapped files: the programs themselves. 0 where the system does not tell: `rest` has them there. */
  readonly runtime: number;
  /** What is left of the peak: the runtime's own memory, data, and what was freed and not given back. */
  readonly rest: number;
  /** At most so far; the sum of the categories wherever these do not exceed it. */
  readonly peakRssBytes: number;
  /** RssAnon and RssFile at the end of the phase; null where the system does not tell. */
  readonly anonBytes: number | null;
  readonly fileBytes: number | null;
}

/** What can hold memory. */
export type MemoryCategory = keyof HeldBytes | 'heap' | 'runtime' | 'rest';

/** The categories of a report, in the order in which they are shown. */
export const memoryCategories: readonly MemoryCategory[] = [
  'weights',
  'activations',
  'gradients',
  'optimizer',
  'prefix',
  'heap',
  'runtime',
  'rest',
];

/** Divides a peak among what a run holds, what the process holds, and the rest, which is never negative. */
export function memoryByCategory(held: HeldBytes, process: ProcessMemory): MemoryReport {
  const { heapBytes: heap, peakRssBytes, anonBytes = null, fileBytes = null } = process;
  const known = { ...held, heap, runtime: fileBytes ?? 0 };
  const sum = Object.values(known).reduce((total, bytes) => total + bytes, 0);
  return { ...known, rest: Math.max(0, peakRssBytes - sum), peakRssBytes, anonBytes, fileBytes };
}

/** The sizes that Linux tells of a process in `/proc/PID/status`, in bytes. */
export interface ProcessStatus {
  readonly peakRssBytes?: number;
  readonly anonBytes?: number;
  readonly fileBytes?: number;
}

/**
 * Reads `VmHWM`, `RssAnon` and `RssFile` (with `RssShmem`) out of a status file; see proc_pid_status(5). A field that is
 * not there is left out.
 */
export function readProcessStatus(text: string): ProcessStatus {
  const bytes = (field: string): number | undefined => {
    const [, kilobytes] = new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(text) ?? [];
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes);
  };
  const [peak, anon, file] = [bytes('VmHWM'), bytes('RssAnon'), bytes('RssFile')];
  return {
    ...(peak !== undefined && { peakRssBytes: peak }),
    ...(anon !== undefined && { anonBytes: anon }),
    ...(file !== undefined && { fileBytes: file + (bytes('RssShmem') ?? 0) }),
  };
}
