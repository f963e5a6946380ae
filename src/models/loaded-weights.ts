import { GspfError } from '../errors.ts';
import { requireBase, swapIn } from '../patch/apply.ts';
import { baseSha256, type CreateSha256 } from '../patch/hash.ts';
import type { Changes, Patch } from '../patch/patch.ts';
import type { Tensor } from '../tensor.ts';

/**
 * A model's weights in memory, with one patch at a time on them.
 *
 * Putting another patch on takes as long as the patch has weights, a few milliseconds: the values that it replaces
 * are kept and put back.
 */
export class LoadedWeights {
  readonly #tensors: Map<string, Tensor<'float32'>>;
  readonly #sha256: string;
  #active: { readonly patch: Patch; readonly undo: Changes } | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(tensors: Map<string, Tensor<'float32'>>, createSha256: CreateSha256) {
    this.#tensors = tensors;
    this.#sha256 = baseSha256(tensors, createSha256);
  }

  /**
   * Calls `work` with the weights under a patch, or as they are without one. Calls run one after another.
   *
   * @throws `input/patch-base` for a patch of another base, `input/patch` for one that does not fit.
   */
  async use<T>(
    patch: Patch | undefined,
    work: (weights: ReadonlyMap<string, Tensor<'float32'>>) => Promise<T>,
  ): Promise<T> {
    const turn = this.#queue.then(() => {
      this.#put(patch);
      return work(this.#tensors);
    });
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #put(patch: Patch | undefined): void {
    if (patch === this.#active?.patch) return;
    if (patch !== undefined) requireBase(patch.metadata, this.#sha256);
    if (this.#active !== undefined) exchangeFloats(this.#tensors, this.#active.undo);
    this.#active = undefined;
    if (patch !== undefined) this.#active = { patch, undo: exchangeFloats(this.#tensors, patch) };
  }
}

/** {@link swapIn} on float32 tensors. @throws `input/patch` for tensors of another type. */
export function exchangeFloats(tensors: Map<string, Tensor<'float32'>>, changes: Changes): Changes {
  const widened = new Map<string, Tensor>(tensors);
  const undo = swapIn(widened, changes);
  for (const name of tensors.keys()) if (!widened.has(name)) tensors.delete(name);
  for (const [name, tensor] of widened) {
    if (tensor.dtype !== 'float32') {
      throw new GspfError('input/patch', {
        subject: `tensor "${name}"`,
        expected: 'float32',
        got: tensor.dtype,
      });
    }
    tensors.set(name, tensor);
  }
  return undo;
}
