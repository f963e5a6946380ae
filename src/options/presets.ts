import { GspfError } from '../errors.ts';
import type { Method, PresetName, TrainOptions } from './options.ts';

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
}

/**
 * The values for a rate and a number of epochs: a few batches are enough to choose, the rest is trained on. Where the
 * frontier is `auto`, it may leave out a little more than by default: on SST-2 that scored the same, and is faster.
 */
function tunedRow(tasks: readonly string[], lr: Readonly<Record<Method, number>>, gspfEpochs = 3): TunedRow {
  const sparse = {
    warmup: { maxBatches: 12, rest: 'train' },
    select: { ratio: 0.003, frontierMass: 0.8 },
  } as const;
  return {
    tasks,
    values: {
      gspf: { lr: lr.gspf, batchSize: 32, epochs: gspfEpochs, ...sparse },
      full: { lr: lr.full, batchSize: 32, epochs: 3 },
    },
  };
}

/** The rates of text classification: where to begin with another task. */
export const firstRates: Readonly<Record<Method, number>> = { gspf: 3e-3, full: 5e-5 };

/** The best measured, by kind of task (docs/performance.md); sparse training wants a higher rate. */
export const tunedRows: readonly TunedRow[] = [
  tunedRow(['text-classification', ...classificationTasks.filter((task) => task !== 'cola')], firstRates),
  tunedRow(['cola'], { gspf: 1e-3, full: 1e-4 }, 8),
  tunedRow(['text-regression', 'stsb'], { gspf: 2e-3, full: 1e-4 }),
];

/**
 * What a preset says about a task and method: the part of the tree that it fills in.
 *
 * @throws `usage/option` for a task that the preset has no values for; `tuned`, being the default, then has an
 * empty tree instead.
 */
export function presetValues(preset: PresetName, method: Method, task: string): TrainOptions {
  if (preset === 'tuned') return tunedRows.find(({ tasks }) => tasks.includes(task))?.values[method] ?? {};
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
