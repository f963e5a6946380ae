import type { TaskOptions } from '../tasks/load.ts';
import type { Task } from '../tasks/task.ts';
import type { ModelFlags } from './model-options.ts';
import { type TaskFlags, taskOptionsOf } from './task-options.ts';

export interface EvalFlags extends ModelFlags, TaskFlags {
  readonly batchSize: number;
  readonly seed?: number;
}

/** What a model says of the data that it reads. */
type KnownOfModel = Pick<TaskOptions, 'labels' | 'featureColumns'>;

/** The task with the rows that the flags ask to evaluate on. */
export async function loadEvaluation(
  flags: EvalFlags,
  { labels, featureColumns }: KnownOfModel,
): Promise<Task> {
  const { loadTask } = await import('../node/fine-tune.ts');
  const given = taskOptionsOf(flags);
  const options = { ...given, labels, featureColumns: given.featureColumns ?? featureColumns };
  if (flags.evalRatio === undefined) return loadTask(flags.task, { ...options, evaluationOnly: true });
  const { evaluatesOn, readEvaluatedRows } = await import('../node/evaluated-rows.ts');
  const rows = flags.patch === undefined ? undefined : await readEvaluatedRows(flags.patch);
  const task = await loadTask(flags.task, { ...options, seed: flags.seed ?? rows?.seed });
  if (rows === undefined || flags.limitEval !== undefined) return task;
  const note = evaluatesOn(task, rows)
    ? `These are the rows that ${flags.patch} was evaluated on.`
    : `These are not the rows that ${flags.patch} was evaluated on: it may have been trained on some of them.`;
  return { ...task, notes: [...task.notes, note] };
}
