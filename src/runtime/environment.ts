import type { CreateSha256 } from '../patch/hash.ts';
import type { Backend } from './backend.ts';

/** What the pure core takes from the place where it runs. */
export interface Environment {
  readonly backend: Backend;
  readonly createSha256: CreateSha256;
  /** Milliseconds since a fixed moment, never falling. */
  readonly now: () => number;
  /** Resident memory of the process, now and at most so far, in bytes. */
  readonly memory: () => { readonly rssBytes: number; readonly peakRssBytes: number };
  /** Lets signals, timers and other work have their turn: a run of the backend may block the thread. */
  readonly pause: () => Promise<void>;
}
