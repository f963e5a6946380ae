import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { TrainOptions } from '../options/options.ts';
import { resolveOptions } from '../options/resolve.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import type { Environment } from '../runtime/environment.ts';
import { bytesOfExample } from '../tasks/arrays.ts';
import { labelsOf, type Task } from '../tasks/task.ts';
import { type Checkpoint, type CheckpointStore, latestCheckpoint } from './checkpoint.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import { hashSelection, noteOf, requireFits, type SavedSelection } from './given-selection.ts';
import type { Observer } from './observer.ts';
import { prepare } from './prepare.ts';
import { Run } from './run.ts';
import type { RunReport } from './run-report.ts';

/** Where a run keeps its checkpoints, and whether it goes on from the last one. */
export interface CheckpointOptions {
  readonly store: CheckpointStore;
  /** Starts anew where there is no whole checkpoint. */
  readonly resume: boolean;
}

/** A run that is ready for its first step. */
export interface BegunRun {
  readonly run: Run;
  readonly described: RunReport['task'];
  /** Where to go on from. */
  readonly checkpoint: Checkpoint | undefined;
}

/**
 * Resolves the options, reads weights and data, and takes up the last checkpoint where the run is to resume.
 *
 * @throws `usage/option` for options that are wrong or do not fit the model, `input/data` for a task without examples
 *   and for a saved selection that does not fit.
 */
export async function beginRun(
  model: TrainableModel,
  task: Task,
  given: TrainOptions,
  environment: Environment,
  observer: Observer,
  checkpoints?: CheckpointOptions,
  saved?: SavedSelection,
): Promise<BegunRun> {
  const { options, taken } = resolveOptions(given, { task: task.name });
  const { createSha256 } = environment;
  const startedAt = environment.now();
  const prepared = await prepare(model, task, options, createSha256);
  if (saved !== undefined) requireFits(saved, prepared, options);
  const described = describeTask(task, prepared.maxLength, createSha256);
  const { trainSha256, evaluationSha256 } = described;
  const selectionSha256 = saved && hashSelection(saved.selection, createSha256);
  const { baseSha256 } = prepared;
  const identity = { baseSha256, trainSha256, evaluationSha256, selectionSha256, options };
  const keeper =
    checkpoints &&
    new CheckpointKeeper(
      checkpoints.store,
      identity,
      options.checkpoint.everySeconds * 1000,
      environment.now,
    );
  const checkpoint = checkpoints?.resume ? await latestCheckpoint(checkpoints.store, identity) : undefined;
  const run = new Run(prepared, options, environment, observer, startedAt, keeper);
  const selected = saved === undefined ? [] : [noteOf(saved, prepared)];
  for (const note of [...taken, ...task.notes, ...prepared.notes, ...selected]) run.note(note);
  environment.reclaim?.();
  run.endPhase('prepare', 0, 0);
  if (checkpoint !== undefined) run.resume(checkpoint);
  return { run, described, checkpoint };
}

function describeTask(task: Task, maxLength: number, createSha256: CreateSha256): RunReport['task'] {
  return {
    name: task.name,
    labels: labelsOf(task),
    trainExamples: task.train.length,
    evaluationExamples: task.evaluation.length,
    trainSha256: hashExamples(task.train, createSha256),
    evaluationSha256: hashExamples(task.evaluation, createSha256),
    maxLength,
  };
}

/** SHA-256 over the JSON of each example's values, in order; over the bytes of arrays. */
export function hashExamples(examples: Task['train'], createSha256: CreateSha256): string {
  const hash = createSha256();
  const utf8 = new TextEncoder();
  for (const example of examples) {
    if ('arrays' in example) {
      for (const bytes of bytesOfExample(example)) hash.update(bytes);
      continue;
    }
    const values =
      'label' in example ? [example.text, example.textPair ?? null, example.label] : Object.values(example);
    hash.update(utf8.encode(`${JSON.stringify(values)}\n`));
  }
  return hash.hex();
}
