import type { ColumnOptions } from '../data/columns.ts';
import { limitRows } from '../data/split.ts';
import type { TableFiles } from '../data/table-format.ts';
import { GspfError } from '../errors.ts';
import { pick } from './examples.ts';

/** The file access that loading a task needs; paths are joined with `/`. */
export interface TaskFiles extends TableFiles {
  isDirectory(path: string): Promise<boolean>;
  isFile(path: string): Promise<boolean>;
}

/** Where a task's data are, and what to take of them. */
export interface TaskOptions extends ColumnOptions {
  /** A known task's directory of official files, or the user's own table. */
  readonly data?: string | undefined;
  /** Another name for `data`, for the user's own table. */
  readonly train?: string | undefined;
  /** The user's own table to evaluate on. */
  readonly evalData?: string | undefined;
  /** Of a table of features: their columns, in order; all columns of numbers where it is left out. */
  readonly featureColumns?: readonly string[] | undefined;
  /** Share of the training rows to hold out for evaluation; 0.1 of the user's own table, none of official files. */
  readonly evalRatio?: number | undefined;
  /** Seed of that split; 0. */
  readonly seed?: number | undefined;
  /** Label names by class number, where a model fixes them. */
  readonly labels?: readonly string[] | undefined;
  /** Loads nothing to train on: the user's own table is evaluated whole, which needs `labels`. */
  readonly evaluationOnly?: boolean | undefined;
  /** Trains on the first so many rows of a seed-0 shuffle. */
  readonly limitTrain?: number | undefined;
  /** Evaluates on the first so many rows of a seed-0 shuffle. */
  readonly limitEval?: number | undefined;
}

/**
 * The path that `data` or `train` names.
 *
 * @param meaning What it is the path of, for messages.
 * @throws `usage/option` for none, and for two that differ.
 */
export function dataPath(task: string, { data, train }: TaskOptions, meaning: string): string {
  if (data !== undefined && train !== undefined && data !== train) {
    throw new GspfError('usage/option', {
      subject: 'data',
      expected: 'one of data and train, which mean the same',
      got: 'both',
    });
  }
  const path = data ?? train;
  if (path !== undefined) return path;
  throw new GspfError('usage/option', {
    subject: `task ${task}`,
    expected: `data (--data), ${meaning}`,
    got: 'none',
  });
}

/** The user's own files, read: to evaluate on alone, or to train on, a part of them held out where no others are given. */
export type OwnData<D> =
  | { readonly train: undefined; readonly evaluation: D }
  | { readonly train: D; readonly evaluation: D | undefined };

/**
 * Reads the user's own files of a task: one to train on and perhaps one to evaluate on, or one to evaluate on alone.
 *
 * @param noun What a file holds, for messages: `table`.
 * @throws `usage/option` for options that do not go together, and for a directory; what `read` throws passes through.
 */
export async function readOwnData<D>(
  task: string,
  options: TaskOptions,
  files: TaskFiles,
  noun: string,
  read: (path: string) => Promise<D>,
): Promise<OwnData<D>> {
  const { evalData, evalRatio, evaluationOnly } = options;
  const readFile = async (path: string): Promise<D> => {
    if (await files.isDirectory(path)) {
      throw new GspfError('usage/option', {
        subject: path,
        expected: `a file with a ${noun}`,
        got: 'a directory',
      });
    }
    return read(path);
  };
  if (evaluationOnly) {
    const path = evalData ?? dataPath(task, options, `the ${noun} to evaluate on`);
    return { train: undefined, evaluation: await readFile(path) };
  }
  if (evalData !== undefined && evalRatio !== undefined) {
    throw new GspfError('usage/option', {
      subject: 'evalRatio',
      expected: 'either evalData or evalRatio',
      got: 'both',
    });
  }
  const train = await readFile(dataPath(task, options, `the ${noun} to train on`));
  return { train, evaluation: evalData === undefined ? undefined : await readFile(evalData) };
}

/** What {@link limit} reads and changes of a task. */
interface Halves<E> {
  readonly train: readonly E[];
  readonly evaluation: readonly E[];
  readonly notes: readonly string[];
}

/** The task with as many examples as `limitTrain` and `limitEval` allow. @throws `usage/option` for a limit below 1. */
export function limit<E, T extends Halves<E>>(
  task: T & Halves<E>,
  { limitTrain, limitEval }: TaskOptions,
): T {
  const notes: string[] = [];
  const take = (examples: readonly E[], rows: number | undefined, part: string): readonly E[] => {
    if (rows === undefined) return examples;
    const kept = limitRows(examples.length, rows);
    if (kept.length < examples.length) {
      notes.push(
        `Limited to the first ${kept.length} of ${examples.length} ${part} rows of a seed-0 shuffle.`,
      );
    }
    return pick(examples, kept);
  };
  const train = take(task.train, limitTrain, 'training');
  const evaluation = take(task.evaluation, limitEval, 'evaluation');
  return { ...task, train, evaluation, notes: [...task.notes, ...notes] };
}
