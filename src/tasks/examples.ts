import { placeOf, type Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import type { TextExample } from './task.ts';

/** Where a table holds its texts. */
interface TextPlaces {
  readonly text: number;
  readonly textPair: number | undefined;
}

/**
 * One example a row; texts are kept letter for letter.
 *
 * @param classes Class number of each row.
 * @throws `input/data` for a row without text, naming its line.
 */
export function examplesOf(table: Table, { text, textPair }: TextPlaces, classes: Int32Array): TextExample[] {
  return Array.from(classes, (label, row) => {
    const first = textAt(table, row, text);
    return textPair === undefined
      ? { text: first, label }
      : { text: first, textPair: textAt(table, row, textPair), label };
  });
}

/** The examples of some rows, in their order. */
export function pick<E>(examples: readonly E[], rows: Int32Array): E[] {
  return Array.from(rows).flatMap((row) => {
    const example = examples[row];
    return example === undefined ? [] : [example];
  });
}

function textAt(table: Table, row: number, column: number): string {
  const text = table.rows[row]?.[column] ?? '';
  if (text.trim() !== '') return text;
  throw new GspfError('input/data', {
    subject: placeOf(table, row),
    expected: `text in column "${table.columns[column]}"`,
    got: 'an empty field',
  });
}
