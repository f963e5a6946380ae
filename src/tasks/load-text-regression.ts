import { plainSplit } from '../data/split.ts';
import { readTable } from '../data/table-format.ts';
import { pick } from './examples.ts';
import { stsb, stsbTask } from './glue-stsb.ts';
import { type FileLayout, heldOutNote, type OfficialFiles, readOfficialFiles } from './official-files.ts';
import { limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';
import { type TextRegressionTask, textRegression, textRegressionEvaluation } from './text-regression.ts';

/**
 * Loads a regression task from the user's own tables.
 *
 * @throws `usage/option` for options that do not fit, `input/data` for bad files; what `files` throws passes through.
 */
export async function loadTextRegression(
  options: TaskOptions,
  files: TaskFiles,
): Promise<TextRegressionTask> {
  const { seed = 0 } = options;
  const own = await readOwnData('text-regression', options, files, 'table', (path) => readTable(path, files));
  const task =
    own.train === undefined
      ? textRegressionEvaluation(own.evaluation, options)
      : textRegression(own.train, { ...options, seed, evalTable: own.evaluation });
  return limit(task, options);
}

/**
 * Loads STS-B from its official files.
 *
 * @throws `usage/option` for options that do not fit, `input/data` for bad files; what `files` throws passes through.
 */
export async function loadStsb(options: TaskOptions, files: TaskFiles): Promise<TextRegressionTask> {
  const { layout, ...read } = await readOfficialFiles('stsb', stsb, 'text-regression', options, files);
  const whole = stsbTask(layout, read);
  const { evalRatio, evaluationOnly, seed = 0 } = options;
  if (evalRatio === undefined || evaluationOnly) return limit(whole, options);
  return limit(holdOut(whole, read, evalRatio, seed), options);
}

/** The task with a part of its training rows to evaluate on, for choices that must not see the official split. */
function holdOut(
  task: TextRegressionTask,
  read: Pick<OfficialFiles<FileLayout>, 'ownSplit'>,
  ratio: number,
  seed: number,
): TextRegressionTask {
  const split = plainSplit(task.train.length, seed, ratio);
  return {
    ...task,
    train: pick(task.train, split.train),
    evaluation: pick(task.train, split.evaluation),
    notes: [
      ...task.notes,
      heldOutNote(
        read,
        split.evaluation.length,
        task.train.length,
        `evaluation ratio ${ratio}, seed ${seed}`,
      ),
    ],
  };
}
