import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import { safetensorsChunks } from '../safetensors/encode.ts';
import type { Tensor } from '../tensor.ts';
import type { Evaluation, Phase } from './observer.ts';

/** Where a run stands: everything that the rest of it depends on, and what it has to report so far. */
export interface Checkpoint {
  readonly progress: CheckpointProgress;
  /** Weights, sums, optimiser states, selections, by keys that the phase chooses. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** What a run must agree on with the checkpoint that it resumes from. */
export interface RunIdentity {
  readonly baseSha256: string;
  readonly trainSha256: string;
  readonly evaluationSha256: string;
  /** Of the selection that was given, if one was. */
  readonly selectionSha256?: string | undefined;
  readonly options: ResolvedTrainOptions;
}

const progressSchema: z.ZodType<CheckpointProgress> = z.object({
  phase: z.enum(['warmup', 'train']),
  epoch: z.int().positive(),
  batch: z.int().min(0),
  step: z.int().min(0),
  elapsedMs: z.number(),
  evaluations: z.array(
    z.object({ epoch: z.number(), metrics: z.record(z.string(), z.number()), elapsedMs: z.number() }),
  ),
  method: z.record(z.string(), z.unknown()),
});

/** How far a run had come. */
export interface CheckpointProgress {
  readonly phase: Phase;
  /** The epoch under way, and how many of its batches are done. */
  readonly epoch: number;
  readonly batch: number;
  /** Steps done, over both phases. */
  readonly step: number;
  readonly elapsedMs: number;
  readonly evaluations: readonly Evaluation[];
  /** What the method adds: JSON of its own. */
  readonly method: Readonly<Record<string, unknown>>;
}

const headerSchema = z.object({
  format: z.literal('gspf-checkpoint'),
  version: z.literal('1'),
  identity: z.string(),
  progress: z.string(),
});

/** A checkpoint as one safetensors file, in parts: its header, then the tensors' own memory. */
export function checkpointChunks(
  { progress, tensors }: Checkpoint,
  identity: RunIdentity,
): readonly Uint8Array[] {
  return safetensorsChunks(tensors, {
    format: 'gspf-checkpoint',
    version: '1',
    identity: JSON.stringify(identity),
    progress: JSON.stringify(progress),
  });
}

/**
 * Reads a checkpoint.
 *
 * @returns it; or undefined for bytes that are no whole checkpoint: half-written, cut short, foreign, or of another version
 * @throws `usage/option` for a checkpoint of a run with other options, another model or other data, naming what
 *   differs.
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  identity: RunIdentity,
  source: string,
): Checkpoint | undefined {
  const file = readWhole(bytes, source);
  const header = headerSchema.safeParse(file?.metadata);
  if (file === undefined || !header.success) return undefined;
  requireSameRun(JSON.parse(header.data.identity), identity, source);
  return { progress: progressSchema.parse(JSON.parse(header.data.progress)), tensors: file.tensors };
}

function readWhole(bytes: Uint8Array, source: string): ReturnType<typeof decodeSafetensors> | undefined {
  try {
    return decodeSafetensors(bytes, source);
  } catch (error) {
    if (error instanceof GspfError) return undefined;
    throw error;
  }
}

/**
 * @param saved What is known of the run to resume: parts of a {@link RunIdentity}.
 * @throws `usage/option` for the first part that differs.
 */
export function requireSameRun(saved: unknown, wanted: Partial<RunIdentity>, source: string): void {
  const [was, is] = [flatten(saved), flatten(wanted)];
  for (const name of new Set([...was.keys(), ...is.keys()])) {
    if (was.get(name) === is.get(name)) continue;
    throw new GspfError('usage/option', {
      subject: name.replace(/^options\./, ''),
      expected: `${was.get(name) ?? 'nothing'}, as in the run to resume (${source})`,
      got: is.get(name) ?? 'nothing',
      hint: 'Resume with the options of the interrupted run, or start a new one in another directory.',
    });
  }
}

/** Leaves of a tree by their paths, as JSON. */
function flatten(value: unknown, path = ''): Map<string, string> {
  // JSON, which a checkpoint is written in, leaves these out.
  if (value === undefined) return new Map();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  const entries = Object.entries(value).flatMap(([key, child]) => [
    ...flatten(child, path === '' ? key : `${path}.${key}`),
  ]);
  return new Map(entries);
}

/** Where checkpoints are kept. */
export interface CheckpointStore {
  /** Where a user finds them. */
  readonly place: string;
  /** The checkpoints there are, the newest first; some may be damaged. */
  readonly candidates: () => Promise<readonly { readonly bytes: Uint8Array; readonly source: string }[]>;
  /** Keeps a checkpoint, given as the parts of its file; the one before stays until it is whole. */
  readonly save: (chunks: readonly Uint8Array[]) => Promise<void>;
}

/** The newest whole checkpoint; undefined where there is none. @throws as {@link decodeCheckpoint}. */
export async function latestCheckpoint(
  store: CheckpointStore,
  identity: RunIdentity,
): Promise<Checkpoint | undefined> {
  for (const { bytes, source } of await store.candidates()) {
    const checkpoint = decodeCheckpoint(bytes, identity, source);
    if (checkpoint !== undefined) return checkpoint;
  }
  return undefined;
}
