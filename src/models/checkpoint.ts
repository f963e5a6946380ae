import { GspfError, suggest } from '../errors.ts';
import { formatType, type TensorType } from '../tensor.ts';
import { isWeight, type WeightType } from './half-precision.ts';
import type { Parameter } from './parameters.ts';
import { type Head, headParameters, type TextEncoder } from './text-encoder.ts';

/** The tensors of a checkpoint, or what stands for them, under their names in the task model. */
export interface Checkpoint<T> {
  /** In the element types that the file has them in. */
  readonly tensors: Map<string, T & { readonly dtype: WeightType }>;
  /** Parameters that the checkpoint lacks: a base model has no classifier. */
  readonly missing: readonly Parameter[];
  /** Tensors of the file that the model has no use for: buffers, the heads of pretraining. */
  readonly unused: readonly string[];
}

/**
 * Finds each parameter of a model in a checkpoint: under its own name, without the encoder's prefix (as base models
 * are saved), or by TensorFlow's names of normalisation parameters (`gamma`, `beta`).
 *
 * @param file What the file holds: tensors, or where they lie.
 * @param optional Whether the model can do without a parameter, because it can be made afresh.
 * @throws `input/model` for a parameter that is missing, or has another shape or element type, and for the parameters
 *   of a layer that the model does not have.
 */
export function matchCheckpoint<T extends TensorType>(
  parameters: readonly Parameter[],
  file: ReadonlyMap<string, T>,
  {
    source,
    prefix,
    optional,
  }: {
    readonly source: string;
    readonly prefix: string;
    readonly optional: (parameter: Parameter) => boolean;
  },
): Checkpoint<T> {
  const tensors = new Map<string, T & { readonly dtype: WeightType }>();
  const missing: Parameter[] = [];
  const used = new Set<string>();
  for (const parameter of parameters) {
    const name = namesInFile(parameter.name, prefix).find((candidate) => file.has(candidate));
    const tensor = name === undefined ? undefined : file.get(name);
    if (name === undefined || tensor === undefined) {
      if (!optional(parameter)) throw notFound(source, parameter, file);
      missing.push(parameter);
      continue;
    }
    used.add(name);
    const fits =
      tensor.shape.length === parameter.shape.length &&
      parameter.shape.every((extent, axis) => extent === tensor.shape[axis]);
    if (!isWeight(tensor) || !fits) {
      if (!optional(parameter)) throw mismatch(source, parameter, tensor);
      missing.push(parameter);
      continue;
    }
    tensors.set(parameter.name, tensor);
  }
  const unused = [...file.keys()].filter((name) => !used.has(name));
  refuseFurtherLayers(parameters, unused, { source, prefix });
  return { tensors, missing, unused };
}

/** What has one of some names; all, without names. */
export function onlyOf<T>(tensors: ReadonlyMap<string, T>, names?: ReadonlySet<string>): Map<string, T> {
  return new Map(names === undefined ? tensors : [...tensors].filter(([name]) => names.has(name)));
}

/**
 * The parameters that a checkpoint may hold: the encoder's, and those of the head that it was saved with, which its
 * class tells, as `BertForMaskedLM`.
 */
export function savedParameters(
  encoder: TextEncoder,
  className: string,
  file: ReadonlyMap<string, TensorType>,
): readonly Parameter[] {
  const onHead = (head: Head | undefined): readonly Parameter[] => {
    const labels = head === undefined ? undefined : file.get(`${head.output}.weight`)?.shape[0];
    return head === undefined || labels === undefined ? [] : headParameters(encoder, head, labels);
  };
  const body = encoder.parameters;
  if (/For(MaskedLM|PreTraining)$/.test(className)) return [...body, ...encoder.tokenHead.parameters];
  if (className.endsWith('ForTokenClassification')) return [...body, ...onHead(encoder.tokenClassHead)];
  if (className.endsWith('ForQuestionAnswering')) return [...body, ...onHead(encoder.questionHead)];
  return [...body, ...onHead(encoder.sequenceHead)];
}

function namesInFile(name: string, prefix: string): string[] {
  const old = name
    .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
    .replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
  const names = old === name ? [name] : [name, old];
  return names.flatMap((candidate) =>
    candidate.startsWith(prefix) ? [candidate, candidate.slice(prefix.length)] : [candidate],
  );
}

/**
 * Layers that config.json does not speak of would be left out in silence.
 *
 * @throws `input/model` for a tensor that is named as a parameter is, but for the number of its layer.
 */
function refuseFurtherLayers(
  parameters: readonly Parameter[],
  unused: readonly string[],
  { source, prefix }: { readonly source: string; readonly prefix: string },
): void {
  const anyLayer = (name: string): string => name.replaceAll(/\.\d+\./g, '.#.');
  const layers = parameters.map(({ name }) => name).filter((name) => anyLayer(name) !== name);
  const known = new Set(layers.flatMap((name) => namesInFile(name, prefix).map(anyLayer)));
  const extra = unused.find((name) => known.has(anyLayer(name)));
  if (extra === undefined) return;
  throw new GspfError('input/model', {
    subject: `${source}, tensor "${extra}"`,
    expected: 'no tensors but those of the layers that config.json describes',
    got: 'a layer beyond them',
    hint: 'config.json and model.safetensors must belong together.',
  });
}

function notFound(
  source: string,
  { name, shape }: Parameter,
  file: ReadonlyMap<string, TensorType>,
): GspfError {
  return new GspfError('input/model', {
    subject: `${source}, tensor "${name}"`,
    expected: formatType({ dtype: 'float32', shape }),
    got: 'no such tensor',
    hint: suggest(name, file.keys()) || 'config.json and model.safetensors must belong together.',
  });
}

function mismatch(source: string, { name, shape }: Parameter, tensor: TensorType): GspfError {
  return new GspfError('input/model', {
    subject: `${source}, tensor "${name}"`,
    expected: isWeight(tensor)
      ? formatType({ dtype: tensor.dtype, shape })
      : `float32, float16 or bfloat16 of shape [${shape.join(', ')}]`,
    got: formatType(tensor),
    hint: 'config.json and model.safetensors must belong together.',
  });
}
