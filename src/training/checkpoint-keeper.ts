import type { Environment } from '../runtime/environment.ts';
import { type Checkpoint, type CheckpointStore, encodeCheckpoint, type RunIdentity } from './checkpoint.ts';

/** Keeps checkpoints now and then: a step waits for the copy, the writing goes on beside the next ones. */
export class CheckpointKeeper {
  readonly #store: CheckpointStore;
  readonly #identity: RunIdentity;
  readonly #everyMs: number;
  readonly #now: Environment['now'];
  #lastAt: number;
  #writing: Promise<void> | undefined;

  constructor(store: CheckpointStore, identity: RunIdentity, everyMs: number, now: Environment['now']) {
    this.#store = store;
    this.#identity = identity;
    this.#everyMs = everyMs;
    this.#now = now;
    this.#lastAt = now();
  }

  /**
   * Keeps a checkpoint if `always`, or if the last one is old enough and written.
   *
   * @throws what writing it throws; that of one written meanwhile, at the next call.
   */
  async keep(checkpoint: () => Checkpoint, always: boolean): Promise<void> {
    const due = this.#now() - this.#lastAt >= this.#everyMs;
    if (!always && (!due || this.#writing !== undefined)) return;
    await this.#writing;
    this.#lastAt = this.#now();
    const writing = this.#store.save(encodeCheckpoint(checkpoint(), this.#identity));
    if (always) {
      await writing;
      return;
    }
    this.#writing = writing.then(() => {
      this.#writing = undefined;
    });
    // A failure is thrown by the next call; until then it must not count as unhandled.
    this.#writing.catch(() => {});
  }
}
