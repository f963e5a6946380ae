import { GspfError } from '../errors.ts';
import { dataPath, type TaskFiles, type TaskOptions } from './sources.ts';

/** The files of one form in which a task is handed around. */
export interface FileLayout {
  /** File names; the rows of several are taken one after another. */
  readonly train: readonly string[];
  readonly evaluation: readonly [string, ...string[]];
}

/** A task with official files. */
export interface OfficialTask<L extends FileLayout> {
  /** The folder that its download unpacks into. */
  readonly folder: string;
  /** The one to look for first comes first. */
  readonly layouts: readonly [L, ...L[]];
}

/** The text of one official file, and its name. */
export interface OfficialFile {
  readonly text: string;
  readonly source: string;
}

/** The official files of a task, in the order of their layout. */
export interface OfficialFiles<L extends FileLayout> {
  readonly layout: L;
  /** None when the task is for evaluation only. */
  readonly train: readonly OfficialFile[];
  /** None when a part of the training rows is held out in their place. */
  readonly evaluation: readonly OfficialFile[];
  /** Whether `train` is the evaluation files, as there are no others, a part of which is to be held out. */
  readonly ownSplit: boolean;
}

/**
 * Reads the official files that `data` holds, in the first layout that is there.
 *
 * @param own The task for the user's own tables, for messages.
 * @throws `usage/option` for options that such files leave no room for, and where `data` is no directory; what
 * `files` throws passes through.
 */
export async function readOfficialFiles<L extends FileLayout>(
  name: string,
  task: OfficialTask<L>,
  own: string,
  options: TaskOptions,
  files: TaskFiles,
): Promise<OfficialFiles<L>> {
  for (const option of ['evalData', 'textColumn', 'textPairColumn', 'labelColumn'] as const) {
    if (options[option] !== undefined) {
      throw new GspfError('usage/option', {
        subject: option,
        expected: `no such option with task ${name}, whose files fix columns and split`,
        got: `"${options[option]}"`,
        hint: `Use the task ${own} for tables of your own.`,
      });
    }
  }
  const [layout, directory] = await findLayout(name, task, own, options, files);
  // One after the other, so that of several missing files the first is named.
  const read = async (names: readonly string[]): Promise<OfficialFile[]> => {
    const all: OfficialFile[] = [];
    for (const file of names) {
      const source = `${directory}/${file}`;
      all.push({ text: await files.readText(source), source });
    }
    return all;
  };
  const present = async (names: readonly string[]): Promise<OfficialFile[]> => {
    const isThere = await Promise.all(names.map((file) => files.isFile(`${directory}/${file}`)));
    return read(names.filter((_, index) => isThere[index]));
  };
  const { evalRatio, evaluationOnly } = options;
  if (evaluationOnly) {
    return { layout, train: [], evaluation: await read(layout.evaluation), ownSplit: false };
  }
  const [train = ''] = layout.train;
  const [evaluation] = layout.evaluation;
  const ownSplit =
    !(await files.isFile(`${directory}/${train}`)) && (await files.isFile(`${directory}/${evaluation}`));
  if (ownSplit && evalRatio === undefined) {
    throw new GspfError('input/missing-file', {
      subject: `${directory}/${train}`,
      expected: `the training rows of ${name}`,
      got: 'no such file',
      hint: `With --eval-ratio 0.2, say, ${evaluation} is split into rows to train on and rows to evaluate on.`,
    });
  }
  if (ownSplit) return { layout, train: await present(layout.evaluation), evaluation: [], ownSplit };
  return {
    layout,
    train: await read(layout.train),
    evaluation: evalRatio === undefined ? await read(layout.evaluation) : [],
    ownSplit,
  };
}

/** A sentence on rows that were held out from the training rows of official files. */
export function heldOutNote(
  { ownSplit }: Pick<OfficialFiles<FileLayout>, 'ownSplit'>,
  held: number,
  all: number,
  how: string,
): string {
  return ownSplit
    ? `There are no training files: held out ${held} of ${all} rows of the evaluation files (${how}), and the others ` +
        'are trained on. This split is your own: scores on it do not compare with published ones.'
    : `Held out ${held} of ${all} training rows for evaluation (${how}); the official evaluation files are not used.`;
}

/** The layout whose evaluation files are there, and the directory that holds them. */
async function findLayout<L extends FileLayout>(
  name: string,
  { folder, layouts }: OfficialTask<L>,
  own: string,
  options: TaskOptions,
  files: TaskFiles,
): Promise<[L, string]> {
  const known = layouts.map(({ train, evaluation }) => [...train, ...evaluation].join(', ')).join(', or of ');
  const given = dataPath(name, options, `the directory of ${known}`).replace(/\/+$/, '');
  if (!(await files.isDirectory(given))) {
    throw new GspfError('usage/option', {
      subject: given,
      expected: `the directory of ${known}`,
      got: 'no directory',
      hint: `Use the task ${own} for a table of your own.`,
    });
  }
  const nested = `${given}/${folder}`;
  const directory = (await files.isDirectory(nested)) ? nested : given;
  for (const layout of layouts) {
    if (await files.isFile(`${directory}/${layout.evaluation[0]}`)) return [layout, directory];
  }
  return [layouts[0], directory];
}
