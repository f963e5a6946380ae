import { type ColumnOptions, chooseColumns, matchingColumns } from '../data/columns.ts';
import { stratifiedSplit } from '../data/split.ts';
import { quoteNames, type Table } from '../data/table.ts';
import { examplesOf, pick } from './examples.ts';
import { classesOf, classificationMetrics, learnLabels } from './labels.ts';
import type { TextClassificationTask } from './task.ts';

const name = 'text-classification';

/** How a user's own tables become a task. */
export interface TextClassificationOptions extends ColumnOptions {
  /** Seed of the split. */
  readonly seed: number;
  /** A table to evaluate on; without one, a part of the training table is held out. */
  readonly evalTable?: Table | undefined;
  /** Share to hold out for evaluation, stratified; 0.1. */
  readonly evalRatio?: number | undefined;
  /** Label names by class number; learnt from the training table when left out. */
  readonly labels?: readonly string[] | undefined;
}

/**
 * A classification task on the user's own table, one row an example.
 *
 * @throws `input/data` for rows without text or label, labels that are unknown, a table with one label only;
 * `usage/option` for columns that are not there.
 */
export function textClassification(table: Table, options: TextClassificationOptions): TextClassificationTask {
  const columns = chooseColumns(table, options);
  const labels = options.labels ?? learnLabels(table, columns.label);
  const classes = classesOf(table, columns.label, labels);
  const examples = examplesOf(table, columns, classes);
  const notes = columns.note === undefined ? [] : [columns.note];
  const task = { kind: name, name, labels, ...classificationMetrics(labels) } as const;
  if (options.evalTable !== undefined) {
    const evaluation = matchingColumns(options.evalTable, table, columns);
    const evalClasses = classesOf(options.evalTable, evaluation.label, labels);
    return {
      ...task,
      train: examples,
      evaluation: examplesOf(options.evalTable, evaluation, evalClasses),
      notes,
    };
  }
  const ratio = options.evalRatio ?? 0.1;
  const split = stratifiedSplit(classes, options.seed, ratio);
  return {
    ...task,
    train: pick(examples, split.train),
    evaluation: pick(examples, split.evaluation),
    notes: [
      ...notes,
      `${table.source}: held out ${split.evaluation.length} of ${table.rows.length} rows for evaluation ` +
        `(evaluation ratio ${ratio}, stratified by label, seed ${options.seed}).`,
      ...unevaluated(classes, split.evaluation, labels),
    ],
  };
}

/**
 * A task whose table is all evaluation data, for scoring a model that is trained already.
 *
 * @param options `labels`: the model's label names by class number.
 * @throws `input/data` for rows without text or with an unknown label; `usage/option` for columns that are not there.
 */
export function textClassificationEvaluation(
  table: Table,
  options: ColumnOptions & { readonly labels: readonly string[] },
): TextClassificationTask {
  const { labels } = options;
  const columns = chooseColumns(table, options);
  const classes = classesOf(table, columns.label, labels);
  return {
    kind: name,
    name,
    labels,
    ...classificationMetrics(labels),
    train: [],
    evaluation: examplesOf(table, columns, classes),
    notes: columns.note === undefined ? [] : [columns.note],
  };
}

function unevaluated(classes: Int32Array, evaluation: Int32Array, labels: readonly string[]): string[] {
  const seen = new Set(Array.from(evaluation, (row) => classes[row]));
  const missing = labels.filter((_, label) => !seen.has(label));
  return missing.length === 0 ? [] : [`No row to evaluate on for the labels ${quoteNames(missing)}.`];
}
