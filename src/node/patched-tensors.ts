import { onlyOf } from '../models/checkpoint.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import { applyPatch, exchange } from '../patch/apply.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import type { Patch } from '../patch/patch.ts';
import type { Tensor } from '../tensor.ts';

type ReadTensors = (names?: ReadonlySet<string>) => Promise<Map<string, Tensor<WeightType>>>;

/** The tensors of a model with a patch on them, if there is one. */
export class PatchedTensors {
  readonly #readBase: ReadTensors;
  readonly #patch: Patch | undefined;
  readonly #createSha256: CreateSha256;
  /** Whether the whole base was seen to be the one that the patch is for. */
  #isChecked = false;

  constructor(readBase: ReadTensors, patch: Patch | undefined, createSha256: CreateSha256) {
    this.#readBase = readBase;
    this.#patch = patch;
    this.#createSha256 = createSha256;
  }

  /**
   * Reads them anew: the whole base, or once that was done, no more of it than is asked for.
   *
   * @throws `input/patch-base` where the patch is for another model.
   */
  async read(names?: ReadonlySet<string>): Promise<Map<string, Tensor<WeightType>>> {
    if (this.#patch === undefined) return this.#readBase(names);
    const isPart = names !== undefined && this.#isChecked;
    const patched = isPart ? await this.#readPart(this.#patch, names) : await this.#readWhole(this.#patch);
    return new Map([...onlyOf(patched, names)].map(([name, tensor]) => [name, requireWeight(tensor, name)]));
  }

  async #readWhole(patch: Patch): Promise<Map<string, Tensor>> {
    const { tensors } = applyPatch(await this.#readBase(), patch, { createSha256: this.#createSha256 });
    this.#isChecked = true;
    return tensors;
  }

  async #readPart({ tensors, removed }: Patch, names: ReadonlySet<string>): Promise<Map<string, Tensor>> {
    const part = { tensors: onlyOf(tensors, names), removed: removed.filter((name) => names.has(name)) };
    return exchange(await this.#readBase(names), part).tensors;
  }
}
