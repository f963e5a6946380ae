import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Graph } from '../graph/graph.ts';
import { withFloatsOf } from '../models/config-text.ts';
import { withWeights } from '../models/onnx-model.ts';
import { questionAnsweringGraph } from '../models/question-answering.ts';
import { classifierGraph } from '../models/sequence-classification.ts';
import { encodeModel } from '../onnx/encode.ts';
import { safetensorsChunks } from '../safetensors/encode.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import { exists, readText, writeAtomically, writeTextAtomically } from './files.ts';
import type { DirectoryModel } from './model-directory.ts';
import { classEndings } from './task-kind.ts';

/** Files of a model directory beside config and weights. */
const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
] as const;

/** What a directory to be written holds. */
export interface SavedModel {
  /** Where tokenizer and config come from. */
  readonly base: DirectoryModel;
  readonly tensors: ReadonlyMap<string, Tensor<'float32'>>;
  /** What its head is for; undefined for a base model. */
  readonly kind: Task['kind'] | undefined;
  /** Label names of its classifier; undefined without one. */
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
    problem_type: 'single_label_classification',
  };
}

/** Writes a directory that transformers loads: config.json, model.safetensors, the tokenizer's files. */
export async function saveModelDirectory(directory: string, model: SavedModel): Promise<void> {
  await saveConfigAndTokenizer(directory, model);
  const chunks = safetensorsChunks(model.tensors, { format: 'pt' });
  await writeAtomically(join(directory, 'model.safetensors'), chunks);
}

/**
 * Writes a directory that transformers.js and plain onnxruntime load: onnx/model.onnx with the weights inside,
 * config.json, the tokenizer's files.
 */
export async function saveOnnxDirectory(directory: string, model: SavedModel): Promise<void> {
  await saveConfigAndTokenizer(directory, model);
  const graph = withWeights(forwardGraph(model), model.tensors);
  await writeAtomically(join(directory, 'onnx', 'model.onnx'), [encodeModel(graph)]);
}

function forwardGraph({ base, kind, tensors }: SavedModel): Graph {
  const { encoder } = base;
  if (kind === 'question-answering') return questionAnsweringGraph(encoder);
  return classifierGraph(encoder, tensors.get(`${encoder.sequenceHead.output}.bias`)?.data.length ?? 0);
}

async function saveConfigAndTokenizer(directory: string, model: SavedModel): Promise<void> {
  await mkdir(directory, { recursive: true });
  const original = await readText(join(model.base.directory, 'config.json'));
  const config = withFloatsOf(original, JSON.stringify(configOf(model), null, 2));
  await writeTextAtomically(join(directory, 'config.json'), `${config}\n`);
  for (const file of tokenizerFiles) {
    const from = join(model.base.directory, file);
    if (await exists(from)) await copyFile(from, join(directory, file));
  }
}
