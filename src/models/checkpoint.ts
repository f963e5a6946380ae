import { GspfError } from '../errors.ts';
import { formatType, type Tensor } from '../tensor.ts';
import type { Parameter } from './parameters.ts';

/** The tensors of a checkpoint under their names in the task model. */
export interface Checkpoint {
  readonly tensors: Map<string, Tensor<'float32'>>;
  /** Parameters that the checkpoint lacks: a base model has no classifier. */
  readonly missing: readonly Parameter[];
  /** Tensors of the file that the model has no use for: buffers, the heads of pretraining. */
  readonly unused: readonly string[];
}

/**
 * Finds each parameter of a model in a checkpoint: under its own name, without the encoder's prefix (as base models
 * are saved), or by TensorFlow's names of normalisation parameters (`gamma`, `beta`).
 *
 * @param optional Whether the model can do without a parameter, because it can be made afresh.
 * @throws `input/model` for a parameter that is missing, or has another shape or element type.
 */
export function matchCheckpoint(
  parameters: readonly Parameter[],
  file: ReadonlyMap<string, Tensor>,
  {
    source,
    prefix,
    optional,
  }: {
    readonly source: string;
    readonly prefix: string;
    readonly optional: (parameter: Parameter) => boolean;
  },
): Checkpoint {
  const tensors = new Map<string, Tensor<'float32'>>();
  const missing: Parameter[] = [];
  const used = new Set<string>();
  for (const parameter of parameters) {
    const name = namesInFile(parameter.name, prefix).find((candidate) => file.has(candidate));
    const tensor = name === undefined ? undefined : file.get(name);
    if (name === undefined || tensor === undefined) {
      if (!optional(parameter)) throw mismatch(source, parameter, 'no such tensor');
      missing.push(parameter);
      continue;
    }
    used.add(name);
    const fits =
      tensor.shape.length === parameter.shape.length &&
      parameter.shape.every((extent, axis) => extent === tensor.shape[axis]);
    if (tensor.dtype !== 'float32' || !fits) {
      if (!optional(parameter)) throw mismatch(source, parameter, formatType(tensor));
      missing.push(parameter);
      continue;
    }
    tensors.set(parameter.name, tensor);
  }
  return { tensors, missing, unused: [...file.keys()].filter((name) => !used.has(name)) };
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

function mismatch(source: string, { name, shape }: Parameter, got: string): GspfError {
  return new GspfError('input/model', {
    subject: `${source}, tensor "${name}"`,
    expected: formatType({ dtype: 'float32', shape }),
    got,
    hint: 'config.json and model.safetensors must belong together; 16-bit checkpoints are not read yet.',
  });
}
