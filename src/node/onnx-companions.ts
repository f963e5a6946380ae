import { copyFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import { type TextTokenizer, textTokenizer } from '../models/tokenizer.ts';
import { exists, readJson, writeTextAtomically } from './files.ts';

/** What lies beside an ONNX file and tells how it reads texts. */
export interface Companions {
  /** @throws `input/missing-file` where there is no tokenizer. */
  readonly tokenizer: () => TextTokenizer;
  readonly padTokenId: number;
  /** The longest text that its config allows. */
  readonly maxPositions: number;
  readonly labels: readonly string[] | undefined;
}

/** How a config names the class of a model that classifies texts. */
const CLASSIFIER = 'ForSequenceClassification';

const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'vocab.txt'];

/** The longest text where neither graph nor config says anything. */
const USUAL_POSITIONS = 512;

/** Reads what lies beside an ONNX file or in the folder above. */
export async function companionsOf(path: string): Promise<Companions> {
  const config = configSchema.parse(await readCompanion(path, 'config.json'));
  const tokenizerConfig = await readCompanion(path, 'tokenizer_config.json');
  const { model_max_length: longest } = tokenizerConfigSchema.parse(tokenizerConfig);
  const tokenizerPath = await findCompanion(path, 'tokenizer.json');
  const tokenizerJson = tokenizerPath === undefined ? undefined : await readJson(tokenizerPath);
  let tokenizer: TextTokenizer | undefined;
  const { id2label, architectures } = config;
  const isClassifier = architectures?.[0]?.endsWith(CLASSIFIER) === true;
  return {
    tokenizer: () => {
      if (tokenizerJson === undefined || tokenizerPath === undefined) {
        throw new GspfError('input/missing-file', {
          subject: join(dirname(path), 'tokenizer.json'),
          expected: 'the tokenizer, beside the model or in the folder above, for a task on texts',
          got: 'none',
        });
      }
      tokenizer ??= textTokenizer(tokenizerJson, tokenizerConfig, tokenizerPath);
      return tokenizer;
    },
    padTokenId: config.pad_token_id ?? 0,
    maxPositions: Math.min(
      config.max_position_embeddings ?? USUAL_POSITIONS,
      longest ?? Number.POSITIVE_INFINITY,
    ),
    labels: isClassifier && id2label ? Object.values(id2label) : undefined,
  };
}

const configSchema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  id2label: z.record(z.string(), z.string()).nullish(),
  pad_token_id: z.number().int().min(0).nullish(),
  max_position_embeddings: z.number().int().positive().nullish(),
});

const tokenizerConfigSchema = z.looseObject({ model_max_length: z.number().positive().nullish() });

/**
 * Copies what lies beside an ONNX file to another folder, and writes a config with label names.
 *
 * @param labels Label names by class number; undefined where the config says enough or there are none.
 */
export async function copyCompanions(
  path: string,
  out: string,
  labels: readonly string[] | undefined,
): Promise<void> {
  for (const file of tokenizerFiles) {
    const from = await findCompanion(path, file);
    if (from !== undefined) await copyFile(from, join(out, file));
  }
  const from = await findCompanion(path, 'config.json');
  if (labels === undefined) {
    if (from !== undefined) await copyFile(from, join(out, 'config.json'));
    return;
  }
  const config = {
    ...(from === undefined ? {} : await readJson(from)),
    architectures: [CLASSIFIER],
    id2label: Object.fromEntries(labels.map((label, id) => [id, label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
  await writeTextAtomically(join(out, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}

async function findCompanion(path: string, file: string): Promise<string | undefined> {
  for (const folder of [dirname(path), dirname(dirname(resolve(path)))]) {
    if (await exists(join(folder, file))) return join(folder, file);
  }
  return undefined;
}

async function readCompanion(path: string, file: string): Promise<object> {
  const found = await findCompanion(path, file);
  return found === undefined ? {} : readJson(found);
}
