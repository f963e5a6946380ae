import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GspfError } from '../errors.ts';
import { withFloatsOf } from '../models/config-text.ts';
import { type WeightType, widen } from '../models/half-precision.ts';
import { type HeadKind, modelWithHead } from '../models/model-with-head.ts';
import { withWeights } from '../models/onnx-model.ts';
import { encodeModel } from '../onnx/encode.ts';
import { quantizeDynamically } from '../quantize/dynamic.ts';
import { safetensorsChunks } from '../safetensors/encode.ts';
import type { Tensor } from '../tensor.ts';
import { exists, makeDirectory, readText, writeAtomically, writeTextAtomically } from './files.ts';
import type { DirectoryModel } from './model-directory.ts';
import { classEndings } from './task-kind.ts';
import { tokenizerFiles } from './tokenizer-files.ts';

/** What a directory to be written holds. */
export interface SavedModel {
  /** Where tokenizer and config come from. */
  readonly base: DirectoryModel;
  /** In the element types that they are to be stored in. */
  readonly tensors: ReadonlyMap<string, Tensor<WeightType>>;
  /** What its head is for; undefined for a base model. */
  readonly kind: HeadKind | undefined;
  /** Label names, of texts or of tokens; undefined for a head that has none. */
  readonly labels: readonly string[] | undefined;
}

/** The `config.json` of a model with its classifier, as transformers writes it. */
export function configOf({ base, kind, labels }: SavedModel): Readonly<Record<string, unknown>> {
  if (kind === undefined) return base.config;
  const architectures = [`${base.encoder.className}${classEndings[kind]}`];
  if (kind === 'text-regression') {
    const only = { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0 } };
    return { ...base.config, architectures, ...only, problem_type: 'regression' };
  }
  if (labels === undefined) return { ...base.config, architectures };
  return {
    ...base.config,
    architectures,
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
    ...(kind === 'text-classification' ? { problem_type: 'single_label_classification' } : {}),
  };
}

/**
 * Writes a directory that transformers loads: config.json, model.safetensors with every tensor that there is, the
 * tokenizer's files.
 */
export async function saveModelDirectory(directory: string, model: SavedModel): Promise<void> {
  await saveConfigAndTokenizer(directory, model);
  const chunks = safetensorsChunks(model.tensors, { format: 'pt' });
  await writeAtomically(join(directory, 'model.safetensors'), chunks);
}

/**
 * Writes a directory that transformers.js and plain onnxruntime load: config.json, the tokenizer's files, and with the
 * weights inside onnx/model.onnx (float32) and onnx/model_quantized.onnx (8 bits, transformers.js' `q8`).
 *
 * Inputs and outputs have the names that optimum gives them; batch and sequence may be of any size.
 *
 * @throws `input/model` for a base model, and for one that lacks a parameter of its head.
 */
export async function saveOnnxDirectory(directory: string, model: SavedModel): Promise<void> {
  const { base, kind, tensors } = model;
  if (kind === undefined) {
    throw new GspfError('input/model', {
      subject: base.directory,
      expected: 'a model with a head, to write as ONNX',
      got: 'a base model',
      hint: 'Give the patch of a fine-tuning run (--patch), or use --format safetensors.',
    });
  }
  const { parameters, graph } = modelWithHead(base.encoder, kind, tensors);
  const weights = new Map(parameters.map(({ name }) => [name, widen(requireTensor(model, name))]));
  await saveConfigAndTokenizer(directory, model);
  const whole = withWeights(graph(), weights);
  await writeAtomically(join(directory, 'onnx', 'model.onnx'), [encodeModel(whole)]);
  const quantized = encodeModel(quantizeDynamically(whole));
  await writeAtomically(join(directory, 'onnx', 'model_quantized.onnx'), [quantized]);
}

function requireTensor({ base, kind, tensors }: SavedModel, name: string): Tensor<WeightType> {
  const tensor = tensors.get(name);
  if (tensor !== undefined) return tensor;
  throw new GspfError('input/model', {
    subject: `${base.directory}, tensor "${name}"`,
    expected: `it, for a model for ${kind}`,
    got: 'no such tensor',
    hint: 'Its config.json names a head that its weights lack: fine-tune it, then export it with --patch.',
  });
}

async function saveConfigAndTokenizer(directory: string, model: SavedModel): Promise<void> {
  await makeDirectory(directory);
  const original = await readText(join(model.base.directory, 'config.json'));
  const config = withFloatsOf(original, JSON.stringify(configOf(model), null, 2));
  await writeTextAtomically(join(directory, 'config.json'), `${config}\n`);
  for (const file of tokenizerFiles) {
    const from = join(model.base.directory, file);
    if (await exists(from)) await copyFile(from, join(directory, file));
  }
}
