import type { Environment } from '../runtime/environment.ts';
import { type Checkpoint, type CheckpointStore, encodeCheckpoint, type RunIdentity } from './checkpoint.ts';

/** A checkpoint that is written. */
export interface KeptCheckpoint {
  /** The step after which it was taken. */
  readonly step: number;
  readonly place: string;
}

/** Keeps checkpoints now and then: a step waits for the copy, the writing goes on beside the next ones. */
export class CheckpointKeeper {
  readonly #store: CheckpointStore;
  readonly #identity: RunIdentity;
  readonly #everyMs: number;
  readonly #now: Environment['now'];
  #lastAt: number;
  #writing: Promise<void> | undefined;
  readonly #steps: number[] = [];

  constructor(store: CheckpointStore, identity: RunIdentity, everyMs: number, now: Environment['now']) {
    this.#store = store;
    this.#identity = identity;
    this.#everyMs = everyMs;
    this.#now = now;
    this.#lastAt = now();
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
   * @returns whether one was written, and its copy is no longer needed
   * @throws what writing it throws; that of one written meanwhile, at the next call.
   */
  async keep(checkpoint: () => Checkpoint, always: boolean): Promise<boolean> {
    const due = this.#now() - this.#lastAt >= this.#everyMs;
    if (!always && (!due || this.#writing !== undefined)) return false;
    await this.#writing;
    this.#lastAt = this.#now();
    const kept = checkpoint();
    const { step } = kept.progress;
    const writing = this.#store.save(encodeCheckpoint(kept, this.#identity)).then(() => {
      this.#steps.push(step);
    });
    if (always) {
      await writing;
      return true;
    }
    this.#writing = writing.then(() => {
      this.#writing = undefined;
    });
    // A failure is thrown by the next call; until then it must not count as unhandled.
    this.#writing.catch(() => {});
    return false;
  }
}
