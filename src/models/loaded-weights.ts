import { requireBase, swapIn } from '../patch/apply.ts';
import { baseSha256, type CreateSha256 } from '../patch/hash.ts';
import type { Changes, DenseTensor, Patch, SparseUpdate } from '../patch/patch.ts';
import type { Tensor } from '../tensor.ts';
import { requireWeight, type WeightType, widen, widenAll } from './half-precision.ts';

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

  /** @param tensors In the types that the base is stored in; computed with is float32. */
  constructor(tensors: ReadonlyMap<string, Tensor<WeightType>>, createSha256: CreateSha256) {
    this.#tensors = widenAll(tensors);
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

/**
 * {@link swapIn} on tensors that are float32 in memory, whatever the changes' own type.
 *
 * @throws `input/patch` for changes that are of no type that weights have.
 */
function exchangeFloats(tensors: Map<string, Tensor<'float32'>>, changes: Changes): Changes {
  const mixed = new Map<string, Tensor>(tensors);
  const undo = swapIn(mixed, widenChanges(changes));
  for (const name of tensors.keys()) if (!mixed.has(name)) tensors.delete(name);
  for (const [name, tensor] of mixed) tensors.set(name, widen(requireWeight(tensor, name)));
  return undo;
}

function widenChanges({ tensors, removed }: Changes): Changes {
  const widened = [...tensors].map(([name, update]): [string, SparseUpdate | DenseTensor] => [
    name,
    update.kind === 'dense'
      ? { ...update, tensor: widen(requireWeight(update.tensor, name)) }
      : { ...update, values: widen(requireWeight(update.values, name)) },
  ]);
  return { tensors: new Map(widened), removed };
}
