import { stratifiedSplit } from '../data/split.ts';
import type { Table } from '../data/table.ts';
import { readTable } from '../data/table-format.ts';
import { GspfError, suggest } from '../errors.ts';
import { pick } from './examples.ts';
import { type GlueTask, glueTask, glueTasks } from './glue.ts';
import { loadArrays } from './load-arrays.ts';
import { loadMaskedLm } from './load-masked-lm.ts';
import { loadTabular } from './load-tabular.ts';
import { loadStsb, loadTextRegression } from './load-text-regression.ts';
import { loadTokenClassification } from './load-token-classification.ts';
import { type FileLayout, heldOutNote, type OfficialFiles, readOfficialFiles } from './official-files.ts';
import { type QuestionExample, questionAnswering } from './question-answering.ts';
import { groupsBySharedText } from './shared-texts.ts';
import { dataPath, limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';
import { readQuestions } from './squad.ts';
import type { Task, TextClassificationTask } from './task.ts';
import { textClassification, textClassificationEvaluation } from './text-classification.ts';

export type { TaskFiles, TaskOptions } from './sources.ts';

type Loader = (options: TaskOptions, files: TaskFiles) => Promise<Task>;

const loaders: Readonly<Record<string, Loader>> = {
  ...Object.fromEntries(
    Object.entries(glueTasks).map(([name, task]): [string, Loader] => [
      name,
      (options, files) => loadGlueTask(name, task, options, files),
    ]),
  ),
  stsb: loadStsb,
  squad: (options, files) => loadQuestions('squad', options, files),
  'text-classification': loadTextClassification,
  'text-regression': loadTextRegression,
  'token-classification': loadTokenClassification,
  'question-answering': (options, files) => loadQuestions('question-answering', options, files),
  'masked-lm': loadMaskedLm,
  arrays: loadArrays,
  'tabular-classification': (options, files) => loadTabular('tabular-classification', options, files),
  'tabular-regression': (options, files) => loadTabular('tabular-regression', options, files),
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
  const { layout, ...read } = await readOfficialFiles(name, task, 'text-classification', options, files);
  const whole = glueTask(name, task, layout, read);
  const { evalRatio, evaluationOnly, seed = 0 } = options;
  if (evalRatio === undefined || evaluationOnly) return limit(whole, options);
  const groups = task.sharedTexts ? groupsBySharedText(whole.train) : undefined;
  return limit(holdOut(whole, read, { ratio: evalRatio, seed, groups }), options);
}

interface HeldOut {
  readonly ratio: number;
  readonly seed: number;
  /** Rows that stay together. */
  readonly groups: readonly (readonly number[])[] | undefined;
}

/** The task with a part of its training rows to evaluate on, for choices that must not see the official split. */
function holdOut(
  task: TextClassificationTask,
  read: Pick<OfficialFiles<FileLayout>, 'ownSplit'>,
  { ratio, seed, groups }: HeldOut,
): TextClassificationTask {
  const classes = Int32Array.from(task.train, ({ label }) => label);
  const split = stratifiedSplit(classes, seed, ratio, groups);
  const together = groups === undefined ? '' : ', rows that share a text on one side';
  const how = `evaluation ratio ${ratio}, stratified by label, seed ${seed}${together}`;
  return {
    ...task,
    train: pick(task.train, split.train),
    evaluation: pick(task.train, split.evaluation),
    notes: [...task.notes, heldOutNote(read, split.evaluation.length, task.train.length, how)],
  };
}

async function loadTextClassification(options: TaskOptions, files: TaskFiles): Promise<Task> {
  const { labels = [], seed = 0 } = options;
  if (options.evaluationOnly && options.labels === undefined) {
    throw new GspfError('usage/option', {
      subject: 'labels',
      expected: "the model's label names, to evaluate it",
      got: 'none',
    });
  }
  const read = (path: string): Promise<Table> => readTable(path, files);
  const own = await readOwnData('text-classification', options, files, 'table', read);
  const task =
    own.train === undefined
      ? textClassificationEvaluation(own.evaluation, { ...options, labels })
      : textClassification(own.train, { ...options, seed, evalTable: own.evaluation });
  return limit(task, options);
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
    const isSplit = evalRatio !== undefined && !evaluationOnly;
    const isThere = await Promise.all(
      squadFiles.map(([train, dev]) => files.isFile(`${directory}/${isSplit ? train : dev}`)),
    );
    const [train, dev] = squadFiles[Math.max(0, isThere.indexOf(true))] ?? squadFiles[0];
    const evaluation = isSplit ? undefined : await read(`${directory}/${dev}`);
    const examples = evaluationOnly ? none : await read(`${directory}/${train}`);
    return limit(questionAnswering({ name, train: examples, evaluation, evalRatio, seed }), options);
  }
  const examples = await read(given);
  if (evaluationOnly) return limit(questionAnswering({ name, train: none, evaluation: examples }), options);
  const evaluation = evalData === undefined ? undefined : await read(evalData);
  return limit(questionAnswering({ name, train: examples, evaluation, evalRatio, seed }), options);
}
