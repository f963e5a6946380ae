import { join } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { ScoredTensor, ScoreTable } from '../methods/gspf/score-table.ts';
import { givenOptionsSchema } from '../options/schema.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import { safetensorsChunks } from '../safetensors/encode.ts';
import { float32, type Tensor } from '../tensor.ts';
import { isDirectory, readBytes, writeAtomically } from './files.ts';

const FORMAT = 'gspf-scores';
const VERSION = '1';
const THETA = '.theta';
const SUM = '.sum';

/** The scores' file in the directory of a run or selection. */
export const SCORES_FILE = 'scores.safetensors';

/**
 * Writes what a selection was made from (docs/run-directory.md): for each tensor `NAME.theta` and, where something was
 * measured, `NAME.sum`, float32 in the tensor's shape.
 *
 * @returns the file's size in bytes
 */
export async function writeScores(path: string, table: ScoreTable): Promise<number> {
  const { score, select, seed, eligibleWeights, head, tensors, left, below } = table;
  const stored = [...tensors].flatMap(([name, { shape, theta, sum }]): [string, Tensor][] => [
    [name + THETA, float32(shape, theta)],
    ...(sum === null ? [] : [[name + SUM, float32(shape, sum)] satisfies [string, Tensor]]),
  ]);
  const chunks = safetensorsChunks(stored, {
    format: FORMAT,
    version: VERSION,
    options: JSON.stringify({ seed, score, select }),
    eligible_weights: `${eligibleWeights}`,
    head: JSON.stringify(head),
    batches: JSON.stringify(Object.fromEntries([...tensors].map(([name, { batches }]) => [name, batches]))),
    left: JSON.stringify(Object.fromEntries(left)),
    below: JSON.stringify([...below]),
  });
  await writeAtomically(path, chunks);
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/**
 * Reads what a selection was made from.
 *
 * @param path The file, or the run directory that holds it.
 * @throws `input/missing-file` where the run kept no scores, `input/safetensors`; `input/data` for another file.
 */
export async function readScores(path: string): Promise<ScoreTable> {
  const file = (await isDirectory(path)) ? join(path, SCORES_FILE) : path;
  const { tensors, metadata } = decodeSafetensors(await readScoresBytes(file), file);
  const header = headerSchema.safeParse(metadata);
  if (!header.success) {
    throw new GspfError('input/data', {
      subject: file,
      expected: `scores of version ${VERSION}, as --keep-scores writes them`,
      got: `format ${JSON.stringify(metadata['format'] ?? 'none')}`,
      cause: header.error,
    });
  }
  const { options, eligible_weights, head, batches, left, below } = header.data;
  const { seed, score, select } = givenOptionsSchema.parse(options);
  const scored = Object.entries(batches).map(([name, number]): [string, ScoredTensor] => {
    const theta = tensors.get(name + THETA);
    const sum = tensors.get(name + SUM);
    if (theta?.dtype !== 'float32' || (sum !== undefined && sum.dtype !== 'float32')) {
      throw new GspfError('input/data', {
        subject: file,
        expected: `a float32 tensor "${name}${THETA}"`,
        got: theta?.dtype ?? 'none',
      });
    }
    return [name, { shape: theta.shape, theta: theta.data, sum: sum?.data ?? null, batches: number }];
  });
  return {
    score,
    select,
    seed,
    eligibleWeights: eligible_weights,
    head,
    tensors: new Map(scored),
    left: new Map(Object.entries(left)),
    below: new Set(below),
  };
}

async function readScoresBytes(file: string): Promise<Uint8Array> {
  try {
    return await readBytes(file);
  } catch (cause) {
    if (!(cause instanceof GspfError) || cause.code !== 'input/missing-file') throw cause;
    throw new GspfError('input/missing-file', {
      subject: file,
      expected: 'the scores of a selection',
      got: 'no such file',
      hint: 'Run gspf select or gspf train with --keep-scores, then explain that directory.',
      cause,
    });
  }
}

const json = z.string().transform((text): unknown => JSON.parse(text));

const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  options: json,
  eligible_weights: z.coerce.number(),
  head: json.pipe(z.array(z.string())),
  batches: json.pipe(z.record(z.string(), z.number())),
  left: json.pipe(z.record(z.string(), z.object({ shape: z.array(z.number()), reason: z.string() }))),
  below: z.string().default('[]').pipe(json).pipe(z.array(z.string())),
});
