import { join } from 'node:path';
import { z } from 'zod';
import type { Task } from '../tasks/task.ts';
import { hashExamples } from '../training/begin-run.ts';
import { createSha256, exists, readJson } from './files.ts';
import { runFiles } from './run-directory.ts';

/** What a finished run was evaluated on. */
export interface EvaluatedRows {
  /** The seed of its split. */
  readonly seed: number;
  /** Over the rows. */
  readonly sha256: string;
}

const reportSchema = z.looseObject({
  options: z.looseObject({ seed: z.number() }),
  task: z.looseObject({ evaluationSha256: z.string() }),
});

/** What the run in a directory was evaluated on; undefined for a path that holds no finished run. */
export async function readEvaluatedRows(path: string): Promise<EvaluatedRows | undefined> {
  const report = join(path, runFiles.report);
  if (!(await exists(report))) return undefined;
  const { data } = reportSchema.safeParse(await readJson(report));
  return data && { seed: data.options.seed, sha256: data.task.evaluationSha256 };
}

/** Whether a task evaluates on the very rows that a run was evaluated on. */
export function evaluatesOn(task: Task, rows: EvaluatedRows): boolean {
  return hashExamples(task.evaluation, createSha256) === rows.sha256;
}
