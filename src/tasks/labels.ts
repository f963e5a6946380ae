import { placeOf, quoteNames, type Table } from '../data/table.ts';
import { GspfError, suggest } from '../errors.ts';
import { accuracy, f1 } from '../metrics/classification.ts';
import type { TextExample } from './task.ts';

/**
 * The label names that occur in a column, trimmed: in numeric order when all are integers, else by code unit.
 *
 * @throws `input/data` for a row without a label, and for a column with one label only.
 */
export function learnLabels(table: Table, column: number): string[] {
  const names = new Set<string>();
  for (const row of table.rows.keys()) names.add(labelAt(table, row, column));
  const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...names].sort(byCodeUnit);
  if (sorted.length < 2) {
    throw new GspfError('input/data', {
      subject: table.source,
      expected: `at least two different labels in column "${table.columns[column]}"`,
      got: `only ${quoteNames(sorted)}`,
    });
  }
  const areIntegers = sorted.every((name) => /^[+-]?\d+$/.test(name));
  return areIntegers ? sorted.sort((a, b) => Number(a) - Number(b)) : sorted;
}

/**
 * The class number of each row, by the position of its label in `codes`.
 *
 * @param codes What the column holds for each class.
 * @throws `input/data` for a row without a label or with an unknown one, naming its line and the known ones.
 */
export function classesOf(table: Table, column: number, codes: readonly string[]): Int32Array {
  const numbers = new Map(codes.map((name, index) => [name, index]));
  return Int32Array.from(table.rows, (_, row) => {
    const name = labelAt(table, row, column);
    const label = numbers.get(name);
    if (label !== undefined) return label;
    const shown = codes.slice(0, 20);
    throw new GspfError('input/data', {
      subject: placeOf(table, row),
      expected: `one of the known labels (${quoteNames(shown)}${codes.length > shown.length ? ', …' : ''})`,
      got: `"${name}" in column "${table.columns[column]}"`,
      hint: suggest(name, codes),
    });
  });
}

/** The name of the metrics by which classifications are scored, and the function that computes them. */
export function classificationMetrics(labels: readonly string[]): {
  readonly primaryMetric: string;
  evaluate(predicted: Int32Array, expected: readonly TextExample[]): Readonly<Record<string, number>>;
} {
  return {
    primaryMetric: 'accuracy',
    evaluate(predicted, expected) {
      const classes = Int32Array.from(expected, ({ label }) => label);
      const share = accuracy(predicted, classes);
      return labels.length === 2
        ? { accuracy: share, f1: f1(predicted, classes, 'binary') }
        : { accuracy: share, f1_macro: f1(predicted, classes, 'macro') };
    },
  };
}

function labelAt(table: Table, row: number, column: number): string {
  const name = table.rows[row]?.[column]?.trim() ?? '';
  if (name !== '') return name;
  throw new GspfError('input/data', {
    subject: placeOf(table, row),
    expected: `a label in column "${table.columns[column]}"`,
    got: 'an empty field',
  });
}
