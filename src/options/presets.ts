import { GspfError } from '../errors.ts';
import type { Method, PresetName, SelectOptions, TrainOptions } from './options.ts';

/** A row of the paper's Appendix A: the tasks it is for, and its four values. */
export interface PaperRow {
  readonly benchmark: string;
  /** Names as {@link loadTask} knows them. */
  readonly tasks: readonly string[];
  readonly lr: number;
  readonly batchSize: number;
  readonly warmupEpochs: number;
  /** Fraction of the eligible weights. */
  readonly ratio: number;
}

const classificationTasks = ['cola', 'sst2', 'mrpc', 'qqp', 'mnli', 'qnli', 'rte', 'wnli'];

/** The paper, Appendix A, "Hyperparameters". */
export const paperRows: readonly PaperRow[] = [
  {
    benchmark: 'GLUE',
    tasks: [...classificationTasks, 'stsb'],
    lr: 2e-5,
    batchSize: 32,
    warmupEpochs: 1,
    ratio: 0.003,
  },
  { benchmark: 'SQuAD', tasks: ['squad'], lr: 3e-5, batchSize: 16, warmupEpochs: 1, ratio: 0.004 },
  { benchmark: 'CIFAR-100', tasks: ['cifar100'], lr: 5e-5, batchSize: 64, warmupEpochs: 1, ratio: 0.002 },
  { benchmark: 'ImageNet', tasks: ['imagenet'], lr: 1e-4, batchSize: 256, warmupEpochs: 2, ratio: 0.005 },
];

/** What was measured best for tasks of one kind. */
export interface TunedRow {
  /** Names as {@link loadTask} knows them. */
  readonly tasks: readonly string[];
  readonly values: { readonly [M in Method]: TrainOptions };
  /** Of `gspf` where a frontier is asked for, if other values are best then. */
  readonly aboveFrontier?: TrainOptions;
}

/** A few batches are enough to choose, the rest of their epoch is trained on. */
const warmup = { maxBatches: 12, rest: 'train' } as const;

/** The best weights wherever they lie; the frontier `auto` may leave out a little more than by default. */
const bestWeights = { ratio: 0.003, frontierMass: 0.8 } as const;

/**
 * Whole rows in every layer above a frontier: most of the best weights lie near the head, in few places, where they soon
 * learn no more. Gradients of rows are cheap besides.
 */
const rowsOfLayers = { ratio: 0.005, scope: 'layer', granularity: 'row', frontierMass: 0.87 } as const;

/** The rates of text classification: where to begin with another task. */
export const firstRates: Readonly<Record<Method, number>> = { gspf: 3e-3, full: 5e-5 };

/** The best measured, by kind of task (docs/performance.md); sparse training wants a higher rate. */
export const tunedRows: readonly TunedRow[] = [
  {
    tasks: ['text-classification', ...classificationTasks.filter((task) => task !== 'cola')],
    values: {
      gspf: { lr: firstRates.gspf, batchSize: 32, epochs: 3, warmup, select: bestWeights },
      full: { lr: firstRates.full, batchSize: 32, epochs: 3 },
    },
    aboveFrontier: {
      lr: 5e-3,
      clipNorm: null,
      adamw: { beta2: 0.99 },
      emaDecay: 0.98,
      batchSize: 32,
      epochs: 3,
      warmup,
      select: rowsOfLayers,
      forwardPrecision: 'int8',
      gradientPrecision: 'int8',
      prefix: { precision: 'int8-training' },
    },
  },
  {
    tasks: ['cola'],
    values: {
      gspf: { lr: 1e-3, batchSize: 32, epochs: 8, warmup, select: bestWeights },
      full: { lr: 1e-4, batchSize: 32, epochs: 3 },
    },
  },
  {
    tasks: ['text-regression', 'stsb'],
    values: {
      gspf: { lr: 2e-3, batchSize: 32, epochs: 3, warmup, select: bestWeights },
      full: { lr: 1e-4, batchSize: 32, epochs: 3 },
    },
  },
];

/**
 * What a preset says about a task and method: the part of the tree that it fills in.
 *
 * @param frontier `select.frontier` as it is given.
 * @throws `usage/option` for a task that the preset has no values for; `tuned`, being the default, then has an
 * empty tree instead.
 */
export function presetValues(
  preset: PresetName,
  method: Method,
  task: string,
  frontier: SelectOptions['frontier'] = 'none',
): TrainOptions {
  if (preset === 'tuned') {
    const tuned = tunedRows.find(({ tasks }) => tasks.includes(task));
    const isAbove = method === 'gspf' && frontier !== 'none';
    return (isAbove ? tuned?.aboveFrontier : undefined) ?? tuned?.values[method] ?? {};
  }
  const row = paperRows.find(({ tasks }) => tasks.includes(task));
  if (row === undefined) {
    throw new GspfError('usage/option', {
      subject: 'preset',
      expected: `a task of the paper's Appendix A (${paperRows.flatMap(({ tasks }) => tasks).join(', ')}) for "paper"`,
      got: `task "${task}"`,
      hint: 'Use the preset tuned, or give lr, batchSize and select.ratio yourself.',
    });
  }
  const { lr, batchSize, warmupEpochs, ratio } = row;
  if (method === 'full') return { lr, batchSize };
  return { lr, batchSize, warmup: { epochs: warmupEpochs }, select: { ratio } };
}
