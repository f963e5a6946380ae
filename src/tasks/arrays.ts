import { plainSplit, stratifiedSplit } from '../data/split.ts';
import { quoteNames } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import { bytesOf, type DType, isFloat, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import { pick } from './examples.ts';

/** A tensor under the name that it has in its file. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/** Examples as tensors whose first axis counts them. */
export interface Arrays {
  /** The file's name, for messages. */
  readonly source: string;
  /** What a graph reads, by the names of its inputs; of a table the one that all columns make up. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** What is to be learnt; undefined where there is none. */
  readonly target: NamedTensor | undefined;
  readonly rows: number;
  /** Of a table: the names of its columns of features, in order. */
  readonly columns?: readonly string[] | undefined;
}

/** One example: a row of tensors. */
export interface ArrayExample {
  readonly arrays: Arrays;
  readonly row: number;
}

/** Examples for a graph that reads tensors of any kind: its data. The loss says how they are scored. */
export interface ArraysTask {
  readonly kind: 'arrays';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Label names by class number, of a table; undefined where classes are numbers, or where there are none. */
  readonly labels?: readonly string[] | undefined;
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly ArrayExample[];
  readonly evaluation: readonly ArrayExample[];
  /** Sentences to print: the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric by which runs are compared. */
  readonly primaryMetric: string;
}

/** The rows of some arrays. */
export function examplesOfArrays(arrays: Arrays): ArrayExample[] {
  return Array.from({ length: arrays.rows }, (_, row) => ({ arrays, row }));
}

/** What of a task is the same for all examples. */
type Described = Pick<ArraysTask, 'name' | 'labels' | 'primaryMetric'>;

/** A task whose arrays are all evaluation data, for scoring a model that is trained already. */
export function arraysEvaluation(
  described: Described,
  evaluation: Arrays,
  notes: readonly string[] = [],
): ArraysTask {
  return { kind: 'arrays', ...described, train: [], evaluation: examplesOfArrays(evaluation), notes };
}

/**
 * A task on arrays: those to evaluate on are given, or a part of those to train on is held out, with the same share of
 * each class where rows have one.
 *
 * @throws `input/data` for too few rows, `usage/option` for a ratio out of range.
 */
export function arraysTask(
  described: Described,
  train: Arrays,
  { evaluation, evalRatio = 0.1, seed = 0 }: ArraysSplit,
  notes: readonly string[] = [],
): ArraysTask {
  const examples = examplesOfArrays(train);
  const task = { kind: 'arrays', ...described } as const;
  if (evaluation !== undefined) {
    return { ...task, train: examples, evaluation: examplesOfArrays(evaluation), notes };
  }
  const classes = classesOfRows(train.target);
  const split =
    classes === undefined
      ? plainSplit(train.rows, seed, evalRatio)
      : stratifiedSplit(classes, seed, evalRatio);
  const how = `evaluation ratio ${evalRatio},${classes === undefined ? '' : ' stratified by label,'} seed ${seed}`;
  return {
    ...task,
    train: pick(examples, split.train),
    evaluation: pick(examples, split.evaluation),
    notes: [
      ...notes,
      `${train.source}: held out ${split.evaluation.length} of ${train.rows} rows for evaluation (${how}).`,
    ],
  };
}

interface ArraysSplit {
  readonly evaluation: Arrays | undefined;
  readonly evalRatio?: number | undefined;
  readonly seed?: number | undefined;
}

/** The class of each row, where it has one integer and some rows are alike. */
function classesOfRows(target: NamedTensor | undefined): number[] | undefined {
  if (target === undefined || isFloat(target.tensor.dtype)) return undefined;
  const { shape, data } = target.tensor;
  if (sizeOf(shape.slice(1)) !== 1) return undefined;
  const classes = Array.from<number | bigint, number>(data, Number);
  return new Set(classes).size <= classes.length / 2 ? classes : undefined;
}

/** The bytes of one example: of each tensor that it has a row of, as views. */
export function bytesOfExample({ arrays: { inputs, target }, row }: ArrayExample): Uint8Array[] {
  const tensors = [...inputs.values(), ...(target === undefined ? [] : [target.tensor])];
  return tensors.map((tensor) => {
    const bytes = bytesOf(tensor);
    const size = bytes.length / (tensor.shape[0] ?? 1);
    return bytes.subarray(row * size, (row + 1) * size);
  });
}

/** The element type of a tensor, and the shape of it that one example has. */
export function exampleType({ dtype, shape }: Tensor): { readonly dtype: DType; readonly shape: Shape } {
  return { dtype, shape: shape.slice(1) };
}

/** What is to be learnt of some arrays. @throws `input/data` for those without anything. */
export function requireTarget({ source, target, inputs }: Arrays): NamedTensor {
  if (target !== undefined) return target;
  throw new GspfError('input/data', {
    subject: source,
    expected: 'a tensor "labels" or "target", with what is to be learnt',
    got: `tensors ${quoteNames([...inputs.keys()])}`,
    hint: 'Another name is given with --label-column.',
  });
}
