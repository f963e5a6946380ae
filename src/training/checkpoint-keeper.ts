import type { Environment } from '../runtime/environment.ts';
import { concatenate, sizeOfAll } from '../safetensors/encode.ts';
import { type Checkpoint, type CheckpointStore, checkpointChunks, type RunIdentity } from './checkpoint.ts';

/** Larger ones are written from the memory of what they keep: a copy would be what a large model has no room for. */
const MOST_COPIED_BYTES = 256e6;

/** Where a step waits for one because it is large, at least so many times as long goes by until the next. */
const REST = 20;

/** A checkpoint that is written. */
export interface KeptCheckpoint {
  /** The step after which it was taken. */
  readonly step: number;
  readonly place: string;
}

/**
 * Keeps checkpoints now and then: a step waits for the copy, the writing goes on beside the next ones. Of large ones, and
 * at the end of a phase, there is no copy: the step waits until they are written.
 */
export class CheckpointKeeper {
  readonly #store: CheckpointStore;
  readonly #identity: RunIdentity;
  readonly #everyMs: number;
  readonly #now: Environment['now'];
  /** When the last one was begun, and how long a step waited for it because it was large. */
  #last: { readonly at: number; readonly waitedMs: number };
  #writing: Promise<void> | undefined;
  readonly #steps: number[] = [];

  constructor(store: CheckpointStore, identity: RunIdentity, everyMs: number, now: Environment['now']) {
    this.#store = store;
    this.#identity = identity;
    this.#everyMs = everyMs;
    this.#now = now;
    this.#last = { at: now(), waitedMs: 0 };
  }

  /**
   * The last one that was written, since the run was begun or resumed, of weights that gave a finite loss.
   *
   * @param step The step whose loss was not finite: that of the weights after the step before.
   */
  lastBefore(step: number): KeptCheckpoint | undefined {
    const good = this.#steps.slice(-2).findLast((kept) => kept < step - 1);
    return good === undefined ? undefined : { step: good, place: this.#store.place };
  }

  /**
   * Keeps a checkpoint if `always`, or if the last one is old enough and written.
   *
   * @throws what writing it throws; that of one written meanwhile, at the next call.
   */
  async keep(checkpoint: () => Checkpoint, always: boolean): Promise<void> {
    const restMs = Math.max(this.#everyMs, REST * this.#last.waitedMs);
    const due = this.#now() - this.#last.at >= restMs;
    if (!always && (!due || this.#writing !== undefined)) return;
    await this.#writing;
    const at = this.#now();
    const kept = checkpoint();
    const { step } = kept.progress;
    const chunks = checkpointChunks(kept, this.#identity);
    const waits = always || sizeOfAll(chunks) > MOST_COPIED_BYTES;
    const writing = this.#store.save(waits ? chunks : [concatenate(chunks)]).then(() => {
      this.#steps.push(step);
    });
    if (waits) {
      await writing;
      this.#last = { at, waitedMs: always ? 0 : this.#now() - at };
      return;
    }
    this.#last = { at, waitedMs: 0 };
    this.#writing = writing.then(() => {
      this.#writing = undefined;
    });
    // A failure is thrown by the next call; until then it must not count as unhandled.
    this.#writing.catch(() => {});
  }
}
