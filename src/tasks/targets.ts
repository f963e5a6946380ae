import { decimal } from '../data/feature-columns.ts';
import { placeOf, type Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';

/**
 * The number that each row of a column holds.
 *
 * @throws `input/data` for a field that is empty, no number, or no finite one, naming its line.
 */
export function targetsOf(table: Table, column: number): Float64Array {
  return Float64Array.from(table.rows, (cells, row) => {
    const text = cells[column]?.trim() ?? '';
    const value = decimal.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(value)) return value;
    throw new GspfError('input/data', {
      subject: placeOf(table, row),
      expected: `a finite number in column "${table.columns[column]}"`,
      got: text === '' ? 'an empty field' : `"${text}"`,
      hint: hintAt(text),
    });
  });
}

function hintAt(text: string): string {
  if (/^[+-]?\d+,\d+$/.test(text)) return 'Write a decimal point in place of the comma.';
  if (decimal.test(text) || /^[+-]?(nan|inf(inity)?|n\/?a|none|null)$/i.test(text)) {
    return 'Leave out the rows without a number.';
  }
  return 'Texts with a class each are for the task text-classification; --label-column names another column.';
}
