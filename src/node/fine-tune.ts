import { join } from 'node:path';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { TrainOptions } from '../options/options.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import { loadTask as loadTaskFrom, type TaskOptions } from '../tasks/load.ts';
import type { Task } from '../tasks/task.ts';
import { type FineTuned, fineTune as fineTuneIn } from '../training/fine-tune.ts';
import type { Observer } from '../training/observer.ts';
import { checkpointDirectory as openCheckpoints } from './checkpoint-directory.ts';
import { taskFiles } from './files.ts';
import { writePatch } from './patch-file.ts';
import { prefixDirectory } from './prefix-directory.ts';
import { readSavedSelection } from './selection-file.ts';

/** Loads a task by name, from official files or from the user's own tables; see {@link TaskOptions}. */
export function loadTask(name: string, options: TaskOptions): Promise<Task> {
  return loadTaskFrom(name, options, taskFiles);
}

/** A patch that knows how to write itself to a file. */
export interface WritablePatch extends Patch {
  /** @returns the file's size in bytes */
  write(path: string): Promise<number>;
}

/** A finished run. */
export interface RunResult extends FineTuned {
  readonly patch: WritablePatch;
}

/** Where to keep checkpoints. */
export interface CheckpointDirectoryOptions {
  /** The directory for checkpoints, and for the frozen prefix beyond its room in memory; none without one. */
  readonly checkpointDirectory?: string | undefined;
  /** Goes on from the last checkpoint there, if there is one. */
  readonly resume?: boolean | undefined;
}

/** Which weights to train. */
export interface SelectionOptions {
  /** The file of a selection that was made before: its weights are trained from the first epoch on. */
  readonly selectionFile?: string | undefined;
}

/** The options of a run, who follows it, and where its checkpoints are. */
export type FineTuneOptions = TrainOptions & Observer & CheckpointDirectoryOptions & SelectionOptions;

/**
 * Fine-tunes a model on a task. The model stays as it is; what changed is in the result's patch.
 *
 * @throws as the core's `fineTune`.
 */
export async function fineTune(
  model: TrainableModel & { readonly environment: Environment },
  task: Task,
  options: FineTuneOptions = {},
): Promise<RunResult> {
  const {
    onProgress,
    onEvaluation,
    onNote,
    onResume,
    onScores,
    signal,
    checkpointDirectory,
    resume,
    selectionFile,
    ...given
  } = options;
  const observer = { onProgress, onEvaluation, onNote, onResume, onScores, signal };
  const checkpoints =
    checkpointDirectory === undefined
      ? undefined
      : { store: openCheckpoints(checkpointDirectory), resume: resume === true };
  const environment = {
    ...model.environment,
    ...(checkpointDirectory !== undefined && {
      prefixStore: prefixDirectory(join(checkpointDirectory, 'prefix')),
    }),
  };
  const saved = selectionFile === undefined ? undefined : await readSavedSelection(selectionFile);
  const result = await fineTuneIn(model, task, given, environment, observer, checkpoints, saved);
  const { patch } = result;
  return { ...result, patch: { ...patch, write: (path) => writePatch(path, patch) } };
}
