import { quoteNames } from '../data/table.ts';
import { GspfError, suggest } from '../errors.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import { formatType, type Tensor } from '../tensor.ts';
import { type Arrays, type ArraysTask, arraysEvaluation, arraysTask } from './arrays.ts';
import { limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';

/** Usual names of the tensor that is to be learnt, the most usual first. */
const usualTargets: readonly string[] = ['labels', 'label', 'targets', 'target'];

/**
 * Loads a task from safetensors files: a tensor for each input of the graph, and one for what is to be learnt.
 *
 * @throws `usage/option` for options that do not fit, `input/data` and `input/safetensors` for bad files; what `files`
 * throws passes through.
 */
export async function loadArrays(options: TaskOptions, files: TaskFiles): Promise<ArraysTask> {
  const read = (path: string): Promise<Arrays> => readArrays(path, options, files);
  const own = await readOwnData('arrays', options, files, 'set of tensors', read);
  const described = { name: 'arrays', primaryMetric: 'loss' } as const;
  const task: ArraysTask =
    own.train === undefined
      ? arraysEvaluation(described, own.evaluation)
      : arraysTask(described, own.train, { ...options, evaluation: own.evaluation });
  return limit(task, options);
}

/**
 * The arrays of a safetensors file.
 *
 * @throws `input/safetensors` for a file that is none, `input/data` for tensors whose first axes differ, `usage/option`
 * for a name of a target that it lacks.
 */
export async function readArrays(
  path: string,
  { labelColumn }: Pick<TaskOptions, 'labelColumn'>,
  files: Pick<TaskFiles, 'readBytes'>,
): Promise<Arrays> {
  requireSafetensors(path);
  const { tensors } = decodeSafetensors(await files.readBytes(path), path);
  const names = [...tensors.keys()];
  if (labelColumn !== undefined && !tensors.has(labelColumn)) {
    throw new GspfError('usage/option', {
      subject: path,
      expected: `a tensor "${labelColumn}"`,
      got: `tensors ${quoteNames(names)}`,
      hint: suggest(labelColumn, names),
    });
  }
  const chosen = labelColumn ?? usualTargets.find((name) => tensors.has(name));
  const target = chosen === undefined ? undefined : tensors.get(chosen);
  return {
    source: path,
    inputs: new Map([...tensors].filter(([name]) => name !== chosen)),
    target: chosen === undefined || target === undefined ? undefined : { name: chosen, tensor: target },
    rows: countRows(path, tensors),
  };
}

function requireSafetensors(path: string): void {
  if (path.toLowerCase().endsWith('.safetensors')) return;
  throw new GspfError('usage/option', {
    subject: path,
    expected: 'a file that ends in .safetensors, for the task arrays',
    got: /\.[^./\\]+$/.exec(path)?.[0] ?? 'a name without an ending',
    hint: 'Columns of a table are for the tasks tabular-classification and tabular-regression.',
  });
}

/** How many examples all tensors have. */
function countRows(source: string, tensors: ReadonlyMap<string, Tensor>): number {
  const [first] = tensors;
  const rows = first?.[1].shape[0];
  for (const [name, tensor] of tensors) {
    if (tensor.shape[0] === rows && rows !== undefined) continue;
    const expected = `${rows ?? 'a number of'} examples, as tensor "${first?.[0]}" has in its first axis`;
    throw new GspfError('input/data', {
      subject: `${source}: tensor "${name}"`,
      expected: tensor.shape.length === 0 ? 'a first axis that counts examples' : expected,
      got: formatType(tensor),
    });
  }
  if (rows !== undefined && rows > 0) return rows;
  throw new GspfError('input/data', { subject: source, expected: 'tensors with examples', got: 'none' });
}
