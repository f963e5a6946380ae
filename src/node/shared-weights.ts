import { GspfError } from '../errors.ts';
import { EightBitProducts } from '../lowering/eight-bit-products.ts';
import type { WeightType } from '../models/half-precision.ts';
import { LoadedWeights } from '../models/loaded-weights.ts';
import type { Form } from '../objectives/forms.ts';
import type { Features } from '../objectives/objective.ts';
import type { PrefixPrecision } from '../options/options.ts';
import type { Patch } from '../patch/patch.ts';
import { EightBitWeights } from '../quantize/eight-bit-weights.ts';
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
  readonly #precision: PrefixPrecision | undefined;
  #weights: Promise<LoadedWeights> | undefined;
  /** Of tensors that no patch on them changes: each is what it is in the base. */
  #eightBit: EightBitWeights | undefined;
  /** Compiled forward graphs by what they are. */
  readonly #predictors = new Map<string, Predictor>();

  /**
   * @param readBase The tensors without a patch.
   * @param precision What is multiplied by weights that no patched tensor comes before; what a patch was trained with,
   *   if left out.
   */
  constructor(
    readBase: () => Promise<Map<string, Tensor<WeightType>>>,
    environment: Environment,
    precision?: PrefixPrecision,
  ) {
    this.#readBase = readBase;
    this.#environment = environment;
    this.#precision = precision;
  }

  /** The logits of some rows, with a patch on the weights or without. */
  async logits(patch: Patch | undefined, pass: ForwardPass): Promise<Float32Array[]> {
    const { createSha256 } = this.#environment;
    this.#weights ??= this.#readBase().then((tensors) => new LoadedWeights(tensors, createSha256));
    const loaded = await this.#weights;
    const { features, form, batchSize, maxLength, inputsOf } = pass;
    return loaded.use(patch, (weights) =>
      this.#predictor(weights, form, maxLength, patch).logits(features, batchSize, inputsOf),
    );
  }

  #predictor(
    weights: ReadonlyMap<string, Tensor<'float32'>>,
    { key, graph, layout }: Form,
    maxLength: number,
    patch: Patch | undefined,
  ): Predictor {
    const isRounded = (this.#precision ?? patch?.metadata.extra['prefix_precision']) === 'int8';
    const patched = [...(patch?.tensors.keys() ?? [])];
    // Which products are rounded depends on the tensors that the patch changes.
    const own = isRounded ? JSON.stringify([key, patched]) : key;
    const existing = this.#predictors.get(own);
    if (existing !== undefined) return existing;
    const products = isRounded ? this.#productsOf(weights, patched) : undefined;
    const options = { graph: graph(), weights, layout, maxLength, products };
    const predictor = new Predictor(options, this.#environment);
    this.#predictors.set(own, predictor);
    return predictor;
  }

  #productsOf(weights: ReadonlyMap<string, Tensor<'float32'>>, patched: readonly string[]): EightBitProducts {
    this.#eightBit ??= new EightBitWeights(weights);
    return new EightBitProducts(this.#eightBit, patched);
  }

  /** Frees what the runtime holds. */
  async release(): Promise<void> {
    for (const predictor of this.#predictors.values()) await predictor.release();
    this.#predictors.clear();
    this.#weights = undefined;
    this.#eightBit = undefined;
  }
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
