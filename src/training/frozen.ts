import { GspfError } from '../errors.ts';
import { tensorOrder } from '../methods/gspf/eligible.ts';
import { countAll, type Selection, toIndices } from '../methods/selection.ts';
import type { CreateSha256, Sha256 } from '../patch/hash.ts';
import { bytesOf } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';

/** The proof that weights outside the changed set are what they were. */
export interface FrozenProof {
  /** Weights that were never trained. */
  readonly weights: number;
  /** SHA-256 over their bytes before the run, read anew, and after it, as they are fed to the runtime. */
  readonly sha256Before: string;
  readonly sha256After: string;
  readonly identical: boolean;
}

/**
 * Compares every weight outside `changed` with θ⁰ by hash, a part of the tensors at a time: float32 little-endian bytes,
 * tensors in order of their names' UTF-8 bytes, indices ascending, nothing between.
 */
export class FrozenHashes {
  readonly #changed: Selection;
  readonly #before: Sha256;
  readonly #after: Sha256;
  readonly #sizes = new Map<string, number>();
  #total = 0;

  constructor(changed: Selection, createSha256: CreateSha256) {
    this.#changed = changed;
    this.#before = createSha256();
    this.#after = createSha256();
  }

  /**
   * Takes in tensors, which stay the caller's; those of one call come before those of the next in tensor order.
   *
   * @param before θ⁰, read anew from its source.
   * @param after The arrays that the runtime was fed with; more of them count for nothing.
   */
  update(before: Weights, after: Weights): void {
    for (const name of [...before.keys()].sort(tensorOrder)) {
      const [old, now] = [before.get(name)?.data, after.get(name)?.data];
      this.#sizes.set(name, old?.length ?? 0);
      if (old === undefined || now === undefined) continue;
      this.#total += old.length;
      const indices = this.#changed.get(name);
      if (indices === 'all') continue;
      const trained = toIndices(indices, old.length);
      updateFrozen(this.#before, old, trained);
      updateFrozen(this.#after, now, trained);
    }
  }

  /** The proof; called once, at the end. @throws `training/frozen-changed` where they differ. */
  prove(): FrozenProof {
    const proof = {
      weights: this.#total - countAll(this.#changed, this.#sizes),
      sha256Before: this.#before.hex(),
      sha256After: this.#after.hex(),
    };
    if (proof.sha256Before !== proof.sha256After) {
      throw new GspfError('training/frozen-changed', {
        subject: `${proof.weights} frozen weights`,
        expected: `sha256 ${proof.sha256Before}, as before the run`,
        got: proof.sha256After,
        hint: 'This is a defect in gspf: please report it with the run.json of the run.',
      });
    }
    return { ...proof, identical: true };
  }
}

/** Hashes the weights between the trained ones, run by run. */
function updateFrozen(hash: Sha256, data: Float32Array, trained: Int32Array): void {
  let start = 0;
  for (const index of trained) {
    if (index > start) hash.update(bytesOf({ data: data.subarray(start, index) }));
    start = index + 1;
  }
  if (start < data.length) hash.update(bytesOf({ data: data.subarray(start) }));
}
