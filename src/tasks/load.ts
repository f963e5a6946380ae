import type { ColumnOptions } from '../data/columns.ts';
import { limitRows, stratifiedSplit } from '../data/split.ts';
import type { Table } from '../data/table.ts';
import { tableParser } from '../data/table-format.ts';
import { GspfError, suggest } from '../errors.ts';
import { pick } from './examples.ts';
import { type GlueLayout, type GlueTask, glueTask, glueTasks, type OfficialFile } from './glue.ts';
import { type QuestionExample, questionAnswering } from './question-answering.ts';
import { readQuestions } from './squad.ts';
import type { Task, TextClassificationTask } from './task.ts';
import { textClassification, textClassificationEvaluation } from './text-classification.ts';

/** The file access that loading a task needs; paths are joined with `/`. */
export interface TaskFiles {
  /** The decoded text of a file. */
  readText(path: string): Promise<string>;
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

type Loader = (options: TaskOptions, files: TaskFiles) => Promise<Task>;

const loaders: Readonly<Record<string, Loader>> = {
  ...Object.fromEntries(
    Object.entries(glueTasks).map(([name, task]): [string, Loader] => [
      name,
      (options, files) => loadGlueTask(name, task, options, files),
    ]),
  ),
  squad: (options, files) => loadQuestions('squad', options, files),
  'text-classification': loadTextClassification,
  'question-answering': (options, files) => loadQuestions('question-answering', options, files),
};

/** The names that {@link loadTask} knows. */
export const taskNames: readonly string[] = Object.keys(loaders);

/**
 * Loads a task by name, from official files or from the user's own tables.
 *
 * @throws `usage/option` for an unknown task or options that do not fit it, `input/data` for bad files; what
 * `files` throws passes through.
 */
export async function loadTask(name: string, options: TaskOptions, files: TaskFiles): Promise<Task> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined;
  if (load === undefined) {
    throw new GspfError('usage/option', {
      subject: 'task',
      expected: `one of ${taskNames.join(', ')}`,
      got: `"${name}"`,
      hint: suggest(name, taskNames),
    });
  }
  return load(options, files);
}

async function loadGlueTask(
  name: string,
  task: GlueTask,
  options: TaskOptions,
  files: TaskFiles,
): Promise<Task> {
  for (const option of ['evalData', 'textColumn', 'textPairColumn', 'labelColumn'] as const) {
    if (options[option] !== undefined) {
      throw new GspfError('usage/option', {
        subject: option,
        expected: `no such option with task ${name}, whose files fix columns and split`,
        got: `"${options[option]}"`,
        hint: 'Use the task text-classification for tables of your own.',
      });
    }
  }
  const { evalRatio, evaluationOnly, seed = 0 } = options;
  const [layout, directory] = await findLayout(name, task, options, files);
  const read = (names: readonly string[]): Promise<OfficialFile[]> =>
    Promise.all(
      names.map(async (file) => {
        const source = `${directory}/${file}`;
        return { text: await files.readText(source), source };
      }),
    );
  if (evalRatio === undefined || evaluationOnly) {
    const evaluation = await read(layout.evaluation);
    const train = evaluationOnly ? [] : await read(layout.train);
    return limit(glueTask(name, task, layout, { train, evaluation }), options);
  }
  const whole = glueTask(name, task, layout, { train: await read(layout.train), evaluation: [] });
  return limit(holdOut(whole, evalRatio, seed), options);
}

/** The task with a part of its training rows to evaluate on, for choices that must not see the official split. */
function holdOut(task: TextClassificationTask, ratio: number, seed: number): TextClassificationTask {
  const classes = Int32Array.from(task.train, ({ label }) => label);
  const split = stratifiedSplit(classes, seed, ratio);
  return {
    ...task,
    train: pick(task.train, split.train),
    evaluation: pick(task.train, split.evaluation),
    notes: [
      ...task.notes,
      `Held out ${split.evaluation.length} of ${task.train.length} training rows for evaluation ` +
        `(evaluation ratio ${ratio}, stratified by label, seed ${seed}); the official evaluation files are not used.`,
    ],
  };
}

/** The layout whose evaluation files are there, and the directory that holds them. */
async function findLayout(
  name: string,
  { folder, layouts }: GlueTask,
  options: TaskOptions,
  files: TaskFiles,
): Promise<[GlueLayout, string]> {
  const known = layouts.map(({ train, evaluation }) => [...train, ...evaluation].join(', ')).join(', or of ');
  const given = dataPath(name, options, `the directory of ${known}`).replace(/\/+$/, '');
  if (!(await files.isDirectory(given))) {
    throw new GspfError('usage/option', {
      subject: given,
      expected: `the directory of ${known}`,
      got: 'no directory',
      hint: 'Use the task text-classification for a table of your own.',
    });
  }
  const nested = `${given}/${folder}`;
  const directory = (await files.isDirectory(nested)) ? nested : given;
  for (const layout of layouts) {
    if (await files.isFile(`${directory}/${layout.evaluation[0]}`)) return [layout, directory];
  }
  return [layouts[0], directory];
}

async function loadTextClassification(options: TaskOptions, files: TaskFiles): Promise<Task> {
  const { evalData, evalRatio, labels, seed = 0 } = options;
  const read = async (path: string): Promise<Table> => {
    if (await files.isDirectory(path)) {
      throw new GspfError('usage/option', {
        subject: path,
        expected: 'a file with a table',
        got: 'a directory',
      });
    }
    const parse = tableParser(path);
    return parse(await files.readText(path), path);
  };
  if (options.evaluationOnly) {
    if (labels === undefined) {
      throw new GspfError('usage/option', {
        subject: 'labels',
        expected: "the model's label names, to evaluate it",
        got: 'none',
      });
    }
    const path = evalData ?? dataPath('text-classification', options, 'the table to evaluate on');
    return limit(textClassificationEvaluation(await read(path), { ...options, labels }), options);
  }
  if (evalData !== undefined && evalRatio !== undefined) {
    throw new GspfError('usage/option', {
      subject: 'evalRatio',
      expected: 'either evalData or evalRatio',
      got: 'both',
    });
  }
  const table = await read(dataPath('text-classification', options, 'the table to train on'));
  const evalTable = evalData === undefined ? undefined : await read(evalData);
  return limit(textClassification(table, { ...options, seed, evalTable }), options);
}

/** SQuAD's official files in a directory, version 1.1 before 2.0. */
const squadFiles = [
  ['train-v1.1.json', 'dev-v1.1.json'],
  ['train-v2.0.json', 'dev-v2.0.json'],
] as const;

async function loadQuestions(name: string, options: TaskOptions, files: TaskFiles): Promise<Task> {
  const { evalData, evalRatio, evaluationOnly, seed } = options;
  const meaning =
    name === 'squad'
      ? 'the directory of train-v1.1.json and dev-v1.1.json, or one such file'
      : 'the questions';
  const given = evaluationOnly && evalData !== undefined ? evalData : dataPath(name, options, meaning);
  const read = async (path: string): Promise<QuestionExample[]> =>
    readQuestions(await files.readText(path), path);
  const none: QuestionExample[] = [];
  if (await files.isDirectory(given)) {
    const directory = given.replace(/\/+$/, '');
    const isThere = await Promise.all(squadFiles.map(([, dev]) => files.isFile(`${directory}/${dev}`)));
    const [train, dev] = squadFiles[Math.max(0, isThere.indexOf(true))] ?? squadFiles[0];
    const evaluation = await read(`${directory}/${dev}`);
    const sources = { name, train: evaluationOnly ? none : await read(`${directory}/${train}`), evaluation };
    return limit(questionAnswering(sources), options);
  }
  const examples = await read(given);
  if (evaluationOnly) return limit(questionAnswering({ name, train: none, evaluation: examples }), options);
  const evaluation = evalData === undefined ? undefined : await read(evalData);
  return limit(questionAnswering({ name, train: examples, evaluation, evalRatio, seed }), options);
}

function dataPath(task: string, { data, train }: TaskOptions, meaning: string): string {
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

/** What {@link limit} reads and changes of a task. */
interface Halves<E> {
  readonly train: readonly E[];
  readonly evaluation: readonly E[];
  readonly notes: readonly string[];
}

function limit<E, T extends Halves<E>>(task: T & Halves<E>, { limitTrain, limitEval }: TaskOptions): T {
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
