import { placeOf, type Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import type { TextExample } from './task.ts';

/** Where a table holds its texts. */
export interface TextPlaces {
  readonly text: number;
  readonly textPair: number | undefined;
  /** Whether a text may be empty. */
  readonly emptyTexts?: boolean | undefined;
}

/**
 * One example a row; texts are kept letter for letter.
 *
 * @param classes Class number of each row.
 * @throws `input/data` for a row without text where there has to be some, naming its line.
 */
export function examplesOf(table: Table, places: TextPlaces, classes: Int32Array): TextExample[] {
  return Array.from(classes, (label, row) => ({ ...textsOf(table, row, places), label }));
}

/**
 * The text, or the pair of texts, of a row, letter for letter.
 *
 * @throws `input/data` for a row without text where there has to be some, naming its line.
 */
export function textsOf(
  table: Table,
  row: number,
  { text, textPair, emptyTexts = false }: TextPlaces,
): Pick<TextExample, 'text' | 'textPair'> {
  const first = textAt(table, row, text, emptyTexts);
  return textPair === undefined
    ? { text: first }
    : { text: first, textPair: textAt(table, row, textPair, emptyTexts) };
}

/** The examples of some rows, in their order. */
export function pick<E>(examples: readonly E[], rows: Int32Array): E[] {
  return Array.from(rows).flatMap((row) => {
    const example = examples[row];
    return example === undefined ? [] : [example];
  });
}

function textAt(table: Table, row: number, column: number, mayBeEmpty: boolean): string {
  const text = table.rows[row]?.[column] ?? '';
  if (mayBeEmpty || text.trim() !== '') return text;
  throw new GspfError('input/data', {
    subject: placeOf(table, row),
    expected: `text in column "${table.columns[column]}"`,
    got: 'an empty field',
  });
}
