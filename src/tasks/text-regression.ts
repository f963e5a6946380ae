import { type ColumnOptions, chooseColumns, matchingColumns, usualTargets } from '../data/columns.ts';
import { plainSplit } from '../data/split.ts';
import type { Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import { pearson, spearman } from '../metrics/correlation.ts';
import { meanAbsoluteError, meanSquaredError } from '../metrics/regression.ts';
import { pick, type TextPlaces, textsOf } from './examples.ts';
import { targetsOf } from './targets.ts';

/** One input with the number to predict. */
export interface TextTarget {
  readonly text: string;
  /** The second text of a pair. */
  readonly textPair?: string;
  readonly target: number;
}

/** Predicting a number from a text or a pair of texts: its data, and how predictions are scored. */
export interface TextRegressionTask {
  readonly kind: 'text-regression';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly TextTarget[];
  readonly evaluation: readonly TextTarget[];
  /** Sentences to print: guessed columns, the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric of {@link evaluate} by which runs are compared. */
  readonly primaryMetric: string;
  /** Metrics of predictions, one for each example; a correlation of values that are all alike is not-a-number. */
  evaluate(predicted: ArrayLike<number>, expected: readonly TextTarget[]): Readonly<Record<string, number>>;
}

/** How a user's own tables become a task. */
export interface TextRegressionOptions extends ColumnOptions {
  /** Seed of the split. */
  readonly seed: number;
  /** A table to evaluate on; without one, a part of the training table is held out. */
  readonly evalTable?: Table | undefined;
  /** Share to hold out for evaluation; 0.1. */
  readonly evalRatio?: number | undefined;
}

const name = 'text-regression';

const scoring = {
  primaryMetric: 'pearson',
  evaluate: (predicted: ArrayLike<number>, expected: readonly TextTarget[]): Record<string, number> => {
    const targets = expected.map(({ target }) => target);
    return {
      pearson: pearson(predicted, targets),
      spearman: spearman(predicted, targets),
      mse: meanSquaredError(predicted, targets),
      mae: meanAbsoluteError(predicted, targets),
    };
  },
} as const;

/**
 * A regression task on the user's own table, one row an example.
 *
 * @throws `input/data` for rows without text or whose target is no finite number, and for targets that are all
 * alike; `usage/option` for columns that are not there.
 */
export function textRegression(table: Table, options: TextRegressionOptions): TextRegressionTask {
  const columns = chooseColumns(table, options, usualTargets);
  const examples = targetExamples(table, columns, columns.label);
  requireVariety(table, columns.label, examples);
  const notes = columns.note === undefined ? [] : [columns.note];
  const task = { kind: name, name, ...scoring } as const;
  const { evalTable, evalRatio = 0.1, seed } = options;
  if (evalTable !== undefined) {
    const places = matchingColumns(evalTable, table, columns);
    return {
      ...task,
      train: examples,
      evaluation: targetExamples(evalTable, places, places.label),
      notes,
    };
  }
  const split = plainSplit(examples.length, seed, evalRatio);
  return {
    ...task,
    train: pick(examples, split.train),
    evaluation: pick(examples, split.evaluation),
    notes: [
      ...notes,
      `${table.source}: held out ${split.evaluation.length} of ${examples.length} rows for evaluation ` +
        `(evaluation ratio ${evalRatio}, seed ${seed}).`,
    ],
  };
}

/**
 * A task whose table is all evaluation data, for scoring a model that is trained already.
 *
 * @throws `input/data` for rows without text or whose target is no finite number; `usage/option` for columns that are
 * not there.
 */
export function textRegressionEvaluation(table: Table, options: ColumnOptions): TextRegressionTask {
  const columns = chooseColumns(table, options, usualTargets);
  return {
    kind: name,
    name,
    ...scoring,
    train: [],
    evaluation: targetExamples(table, columns, columns.label),
    notes: columns.note === undefined ? [] : [columns.note],
  };
}

/**
 * One example a row.
 *
 * @param target The column of the numbers.
 * @throws `input/data` for a row without text or whose target is no finite number, naming its line.
 */
export function targetExamples(table: Table, places: TextPlaces, target: number): TextTarget[] {
  const targets = targetsOf(table, target);
  return Array.from(targets, (value, row) => ({ ...textsOf(table, row, places), target: value }));
}

function requireVariety(table: Table, column: number, examples: readonly TextTarget[]): void {
  const [first] = examples;
  if (first === undefined || examples.some(({ target }) => target !== first.target)) return;
  throw new GspfError('input/data', {
    subject: table.source,
    expected: `at least two different numbers in column "${table.columns[column]}"`,
    got: `only ${first.target}`,
  });
}
