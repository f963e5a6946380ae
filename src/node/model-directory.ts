import { join } from 'node:path';
import { z } from 'zod';
import { textEncoder } from '../models/architecture.ts';
import { matchCheckpoint, onlyOf, savedParameters } from '../models/checkpoint.ts';
import { esmTokenizerJson } from '../models/esm-tokenizer.ts';
import type { WeightType } from '../models/half-precision.ts';
import type { HeadKind } from '../models/model-with-head.ts';
import type { Parameter } from '../models/parameters.ts';
import { parametersWithoutPooler } from '../models/text-encoder.ts';
import type { TextModel } from '../models/text-model.ts';
import { spanTokenizer } from '../models/token-spans.ts';
import { textTokenizer } from '../models/tokenizer.ts';
import { objectiveOf } from '../objectives/objective-of.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import { exists, isDirectory, readJson, readText } from './files.ts';
import { inDirectory, noDirectory } from './locate-model.ts';
import { findTensors, readStored, type StoredTensor } from './read-checkpoint.ts';
import { hasLabels, kindOfClass } from './task-kind.ts';

/** A model in a Hugging Face directory. */
export interface DirectoryModel extends TextModel, TrainableModel {
  readonly directory: string;
  /** What its head is for; undefined for a base model. */
  readonly kind: HeadKind | undefined;
  /** What `config.json` holds, unread keys too. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Opens a model directory: `config.json`, `model.safetensors` (whole or sharded), `tokenizer.json` and, where it is
 * there, `tokenizer_config.json`. Weights are read only when asked for.
 *
 * @throws `input/missing-file`, `input/model`, `input/tokenizer` for what is missing or does not fit.
 */
export async function openModelDirectory(directory: string): Promise<DirectoryModel> {
  if (!(await isDirectory(directory))) throw await noDirectory(directory);
  const { name, origin } = inDirectory(directory);
  const configPath = join(directory, 'config.json');
  const config = configSchema.parse(await readJson(configPath));
  const encoder = textEncoder(config, configPath);
  const tokenizerConfigPath = join(directory, 'tokenizer_config.json');
  const tokenizerConfig = (await exists(tokenizerConfigPath)) ? await readJson(tokenizerConfigPath) : {};
  const [tokenizerJson, tokenizerPath] = await readTokenizer(directory, encoder.modelType);
  const tokenizer = textTokenizer(tokenizerJson, tokenizerConfig, tokenizerPath);
  const kind = kindOfClass(config.architectures?.[0] ?? '', config['problem_type']);
  const labels = hasLabels(kind) ? labelsOf(config.id2label) : undefined;

  const find = async (): Promise<Map<string, StoredTensor & { readonly dtype: WeightType }>> => {
    const file = await findTensors(directory);
    const parameters = savedParameters(encoder, config.architectures?.[0] ?? '', file);
    const source = join(directory, 'model.safetensors');
    const body = new Set(parametersWithoutPooler(encoder));
    const isNew = (parameter: Parameter): boolean => !body.has(parameter);
    return matchCheckpoint(parameters, file, { source, prefix: encoder.prefix, optional: isNew }).tensors;
  };
  const model: DirectoryModel = {
    name,
    origin,
    directory,
    config,
    encoder,
    tokenizer,
    spanTokenizer: () => spanTokenizer(tokenizerJson, tokenizerConfig, tokenizerPath),
    labels,
    kind,
    maxLength: undefined,
    maxPositions: encoder.maxPositions,
    padTokenId: encoder.padTokenId,
    initializerRange: encoder.initializerRange,
    // Predicting tokens is what a model was pretrained for: its head for that is no new one.
    body: new Set([...encoder.parameters, ...encoder.tokenHead.parameters].map(({ name }) => name)),
    objectiveOf: (task, maxLength, options) => objectiveOf(task, model, maxLength, options),
    readTensors: async (names) => readStored(onlyOf(await find(), names)),
  };
  return model;
}

/** The contents of `tokenizer.json` and its path. ESM's models have `vocab.txt` alone. */
async function readTokenizer(directory: string, modelType: string): Promise<[object, string]> {
  const path = join(directory, 'tokenizer.json');
  const vocabulary = join(directory, 'vocab.txt');
  if (modelType === 'esm' && !(await exists(path)) && (await exists(vocabulary))) {
    return [esmTokenizerJson(await readText(vocabulary)), vocabulary];
  }
  return [await readJson(path), path];
}

const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
});

function labelsOf(
  id2label: Readonly<Record<string, string>> | null | undefined,
): readonly string[] | undefined {
  if (id2label === null || id2label === undefined) return undefined;
  return Object.keys(id2label)
    .sort((a, b) => Number(a) - Number(b))
    .map((id) => id2label[id] ?? id);
}
