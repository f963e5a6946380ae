import { gaussian } from '../data/shuffle.ts';
import { float32, sizeOf, type Tensor } from '../tensor.ts';
import type { WeightType } from './half-precision.ts';
import type { Parameter } from './parameters.ts';
import type { TextEncoder } from './text-encoder.ts';
import type { SpanTokenizer } from './token-spans.ts';
import type { TextTokenizer } from './tokenizer.ts';

/** Where the files of a model are, as its patches tell it. */
export type ModelOrigin =
  | {
      readonly from: 'hub';
      /** The commit; the model's name is its id on the hub. */
      readonly revision: string;
    }
  | {
      readonly from: 'directory';
      /** As the user named it. */
      readonly path: string;
    };

/** A pretrained text model, before or after fine-tuning. */
export interface TextModel {
  /** As the user named it. */
  readonly name: string;
  /** Undefined for a model that has no files. */
  readonly origin?: ModelOrigin | undefined;
  readonly encoder: TextEncoder;
  readonly tokenizer: TextTokenizer;
  /** The same, knowing the places of tokens. @throws `input/tokenizer` for kinds that cannot be followed. */
  readonly spanTokenizer: () => SpanTokenizer;
  /** Label names by class number of the classifier it has; undefined for a base model. */
  readonly labels: readonly string[] | undefined;
  /** Longest text in tokens that it was trained on, if it was. */
  readonly maxLength: number | undefined;
  /**
   * Its tensors under their names in the task model, in the element types that it is stored in: read anew, so that the
   * caller may change them. A base model has no head.
   *
   * @param names Those of these names alone; all, if left out.
   */
  readTensors(names?: ReadonlySet<string>): Promise<Map<string, Tensor<WeightType>>>;
}

/**
 * Parameters that a checkpoint lacks, as transformers initialises them: weights N(0, `initializer_range`²) unless
 * they have a deviation of their own, biases 0, gains 1.
 *
 * @param seed Same seed, same values; each parameter draws from a stream of its own.
 * @param names Those of these names alone, with the values that they have among all.
 */
export function initialize(
  parameters: readonly Parameter[],
  range: number,
  seed: number,
  names?: ReadonlySet<string>,
): Map<string, Tensor<'float32'>> {
  return new Map(
    parameters.flatMap((parameter, stream): [string, Tensor<'float32'>][] => {
      if (names?.has(parameter.name) === false) return [];
      const data = initialValues(parameter, () => gaussian(sizeOf(parameter.shape), seed, stream), range);
      return [[parameter.name, float32(parameter.shape, data)]];
    }),
  );
}

function initialValues(
  { shape, initialization, deviation }: Parameter,
  draw: () => Float32Array,
  range: number,
): Float32Array {
  switch (initialization) {
    case 'normal':
      return draw().map((value) => value * (deviation ?? range));
    case 'zeros':
      return new Float32Array(sizeOf(shape));
    case 'ones':
      return new Float32Array(sizeOf(shape)).fill(1);
  }
}
