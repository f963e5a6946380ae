import { GspfError } from '../errors.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import { LoadedWeights } from '../models/loaded-weights.ts';
import type { Form } from '../objectives/forms.ts';
import type { Features } from '../objectives/objective.ts';
import { applyPatch } from '../patch/apply.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Tensor } from '../tensor.ts';
import { type InputsOf, Predictor } from '../training/predictor.ts';

/** Rows to run, and what with. */
export interface ForwardPass {
  readonly features: Features;
  readonly form: Form;
  readonly batchSize: number;
  /** The positions that the model has. */
  readonly maxLength: number;
  readonly inputsOf?: InputsOf | undefined;
}

/** The weights that models have in common which differ by patches alone, and what was compiled for them. */
export class SharedWeights {
  readonly #readBase: () => Promise<Map<string, Tensor<WeightType>>>;
  readonly #environment: Environment;
  #weights: Promise<LoadedWeights> | undefined;
  /** Compiled forward graphs by what they are. */
  readonly #predictors = new Map<string, Predictor>();

  /** @param readBase The tensors without a patch. */
  constructor(readBase: () => Promise<Map<string, Tensor<WeightType>>>, environment: Environment) {
    this.#readBase = readBase;
    this.#environment = environment;
  }

  /** The logits of some rows, with a patch on the weights or without. */
  async logits(patch: Patch | undefined, pass: ForwardPass): Promise<Float32Array[]> {
    const { createSha256 } = this.#environment;
    this.#weights ??= this.#readBase().then((tensors) => new LoadedWeights(tensors, createSha256));
    const loaded = await this.#weights;
    const { features, form, batchSize, maxLength, inputsOf } = pass;
    return loaded.use(patch, (weights) =>
      this.#predictor(weights, form, maxLength).logits(features, batchSize, inputsOf),
    );
  }

  #predictor(
    weights: ReadonlyMap<string, Tensor<'float32'>>,
    { key, graph, layout }: Form,
    maxLength: number,
  ): Predictor {
    const existing = this.#predictors.get(key);
    if (existing !== undefined) return existing;
    const predictor = new Predictor({ graph: graph(), weights, layout, maxLength }, this.#environment);
    this.#predictors.set(key, predictor);
    return predictor;
  }

  /** Frees what the runtime holds. */
  async release(): Promise<void> {
    for (const predictor of this.#predictors.values()) await predictor.release();
    this.#predictors.clear();
    this.#weights = undefined;
  }
}

/** Tensors with a patch on them, if there is one. @throws `input/patch-base` where the patch is for another model. */
export function patchedTensors(
  tensors: Map<string, Tensor<WeightType>>,
  patch: Patch | undefined,
  createSha256: CreateSha256,
): Map<string, Tensor<WeightType>> {
  if (patch === undefined) return tensors;
  const patched = applyPatch(tensors, patch, { createSha256 }).tensors;
  return new Map([...patched].map(([name, tensor]) => [name, requireWeight(tensor, name)]));
}

/** The error for a model that is not what is asked of it. */
export function wrongModel(subject: string, expected: string, got: string): GspfError {
  return new GspfError('input/model', {
    subject,
    expected,
    got,
    hint: 'Give the patch of a fine-tuning run (--patch), or train one with gspf train.',
  });
}
