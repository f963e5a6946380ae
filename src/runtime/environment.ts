import type { ProcessMemory } from '../measure/memory.ts';
import type { Tracer } from '../measure/trace.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import type { Backend } from './backend.ts';

/** Bytes under names, kept between runs or not; what it gives back is not trusted. */
export interface PrefixStore {
  /** Undefined where there is nothing of that name. */
  readonly read: (name: string) => Promise<Uint8Array | undefined>;
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
}

/** What the pure core takes from the place where it runs. */
export interface Environment {
  readonly backend: Backend;
  readonly createSha256: CreateSha256;
  /** Milliseconds since a fixed moment, never falling. */
  readonly now: () => number;
  /** Memory of the process, and what other programs leave free, in bytes. */
  readonly memory: () => ProcessMemory & { readonly freeBytes: number };
  /** Where the outputs of a frozen prefix can be kept that memory has no room for. */
  readonly prefixStore?: PrefixStore | undefined;
  /** Is told what time is spent on, by {@link now}. */
  readonly trace?: Tracer | undefined;
  /** Lets signals, timers and other work have their turn: a run of the backend may block the thread. */
  readonly pause: () => Promise<void>;
  /**
   * Gives back the memory of arrays that nothing refers to any more. A step allocates so little that the engine would
   * wait long before it looks, and a phase leaves arrays as large as the model behind.
   */
  readonly reclaim?: (() => void) | undefined;
  /**
   * Lets memory that is freed stay with the process from now on, so that no graph need keep its own between runs. Returns
   * whether it does.
   */
  readonly retainMemory?: (() => boolean) | undefined;
}
