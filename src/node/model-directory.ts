import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import { textEncoder } from '../models/architecture.ts';
import { type Checkpoint, matchCheckpoint } from '../models/checkpoint.ts';
import type { Parameter } from '../models/parameters.ts';
import { classifierParameters } from '../models/sequence-classification.ts';
import { parametersWithoutPooler } from '../models/text-encoder.ts';
import type { TextModel } from '../models/text-model.ts';
import { textTokenizer } from '../models/tokenizer.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import type { Tensor } from '../tensor.ts';
import { exists, isDirectory, readBytes, readJson } from './files.ts';

/** A model in a Hugging Face directory. */
export interface DirectoryModel extends TextModel {
  readonly directory: string;
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
  if (!(await isDirectory(directory))) {
    throw new GspfError('input/missing-file', {
      subject: directory,
      expected: 'a directory with config.json, model.safetensors and tokenizer.json',
      got: 'no directory',
      hint: 'Download the model first, with git or the hub client: gspf reads it from disk.',
    });
  }
  const configPath = join(directory, 'config.json');
  const config = configSchema.parse(await readJson(configPath));
  const encoder = textEncoder(config, configPath);
  const tokenizerPath = join(directory, 'tokenizer.json');
  const tokenizerConfigPath = join(directory, 'tokenizer_config.json');
  const tokenizerConfig = (await exists(tokenizerConfigPath)) ? await readJson(tokenizerConfigPath) : {};
  const tokenizer = textTokenizer(await readJson(tokenizerPath), tokenizerConfig, tokenizerPath);
  const isClassifier = config.architectures?.some((name) => name.endsWith('ForSequenceClassification'));
  const labels = isClassifier === true ? labelsOf(config.id2label) : undefined;

  const read = async (): Promise<Checkpoint> => {
    const tensors = await readCheckpoint(directory);
    const count = tensors.get(`${encoder.sequenceHead.output}.weight`)?.shape[0] ?? 0;
    const parameters = count === 0 ? encoder.parameters : classifierParameters(encoder, count);
    const source = join(directory, 'model.safetensors');
    const body = new Set(parametersWithoutPooler(encoder));
    const isNew = (parameter: Parameter): boolean => !body.has(parameter);
    return matchCheckpoint(parameters, tensors, { source, prefix: encoder.prefix, optional: isNew });
  };
  return {
    name: basename(resolve(directory)),
    directory,
    config,
    encoder,
    tokenizer,
    labels,
    maxLength: undefined,
    readTensors: async () => (await read()).tensors,
  };
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

/** All tensors of `model.safetensors`, or of the shards that its index names. */
async function readCheckpoint(directory: string): Promise<ReadonlyMap<string, Tensor>> {
  const whole = join(directory, 'model.safetensors');
  const indexPath = `${whole}.index.json`;
  if ((await exists(whole)) || !(await exists(indexPath))) {
    return decodeSafetensors(await readBytes(whole), whole).tensors;
  }
  const index = indexSchema.safeParse(await readJson(indexPath));
  if (!index.success) {
    throw new GspfError('input/model', {
      subject: indexPath,
      expected: 'a weight_map from tensors to shards',
      got: index.error.issues[0]?.message ?? 'something else',
    });
  }
  const tensors = new Map<string, Tensor>();
  for (const shard of new Set(Object.values(index.data.weight_map))) {
    const path = join(directory, shard);
    for (const [name, tensor] of decodeSafetensors(await readBytes(path), path).tensors)
      tensors.set(name, tensor);
  }
  return tensors;
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });
