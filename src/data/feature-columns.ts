import { GspfError } from '../errors.ts';
import { findColumn, findUsual, isRowNumber } from './columns.ts';
import { placeOf, quoteNames, type Table } from './table.ts';

/** Which columns of a table are features. */
export interface FeatureOptions {
  /** Their names, in order; undefined for all columns of numbers. */
  readonly featureColumns?: readonly string[] | undefined;
  /** The column of what is to be learnt. */
  readonly labelColumn?: string | undefined;
}

/** Columns by number, and a sentence that says what was guessed, if anything was. */
export interface FeatureColumns {
  readonly features: readonly number[];
  /** Undefined where none is named and none has a usual name. */
  readonly label: number | undefined;
  readonly note: string | undefined;
}

/** A number as JavaScript, Python and spreadsheets in English write it. */
export const decimal: RegExp = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * The columns of features and of what is to be learnt: those named, else all columns that hold numbers but for row
 * numbers, and one with a usual name.
 *
 * @param usual Usual names of the latter, the most usual first.
 * @throws `usage/option` for a name that the table lacks or that is both, `input/data` for no column of numbers.
 */
export function chooseFeatures(
  table: Table,
  { featureColumns, labelColumn }: FeatureOptions,
  usual: readonly string[],
): FeatureColumns {
  const named = featureColumns?.map((name) => findColumn(table, name));
  const label =
    labelColumn === undefined ? findUsual(table, usual, named ?? []) : findColumn(table, labelColumn);
  if (named !== undefined) {
    if (label === undefined || !named.includes(label)) return { features: named, label, note: undefined };
    throw new GspfError('usage/option', {
      subject: table.source,
      expected: 'features without the column that is to be learnt',
      got: `"${table.columns[label]}" among them`,
    });
  }
  const columns = table.columns.map((name, index) => ({ name, index }));
  const others = columns.filter(({ name, index }) => index !== label && !isRowNumber(name));
  const numbers = others.filter(({ index }) => holdsNumbers(table, index));
  if (numbers.length === 0) {
    throw new GspfError('input/data', {
      subject: table.source,
      expected: 'columns of numbers',
      got: `columns ${quoteNames(table.columns)}`,
    });
  }
  const left = columns.filter(
    ({ index }) => index !== label && !numbers.some((other) => other.index === index),
  );
  const without = left.length === 0 ? '' : `, without ${quoteNames(left.map(({ name }) => name))}`;
  const learnt = label === undefined ? '' : `, "${table.columns[label]}" as what is to be learnt`;
  const count = numbers.length === 1 ? '1 column' : `${numbers.length} columns`;
  return {
    features: numbers.map(({ index }) => index),
    label,
    note: `${table.source}: took ${count} of numbers as features${without}${learnt} (--feature-columns, --label-column to choose).`,
  };
}

/** Whether all cells of a column that are not empty are numbers, and some are. */
function holdsNumbers({ rows }: Table, column: number): boolean {
  let some = false;
  for (const cells of rows) {
    const text = cells[column]?.trim() ?? '';
    if (text === '') continue;
    if (!decimal.test(text)) return false;
    some = true;
  }
  return some;
}

/**
 * The numbers of some columns, row by row.
 *
 * @throws `input/data` for a field that is empty or no finite number, naming its line.
 */
export function featuresOf(table: Table, columns: readonly number[]): Float32Array {
  const values = new Float32Array(table.rows.length * columns.length);
  table.rows.forEach((cells, row) => {
    columns.forEach((column, i) => {
      const text = cells[column]?.trim() ?? '';
      const value = decimal.test(text) ? Number(text) : Number.NaN;
      if (!Number.isFinite(value)) {
        throw new GspfError('input/data', {
          subject: placeOf(table, row),
          expected: `a finite number in column "${table.columns[column]}"`,
          got: text === '' ? 'an empty field' : `"${text}"`,
          hint: 'Fill or leave out such rows, or name the columns that are complete: --feature-columns a,b,c.',
        });
      }
      values[row * columns.length + i] = value;
    });
  });
  return values;
}
