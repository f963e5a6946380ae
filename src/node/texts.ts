import { type ColumnOptions, chooseTextColumns } from '../data/columns.ts';
import { placeOf } from '../data/table.ts';
import { readTable } from '../data/table-format.ts';
import { GspfError } from '../errors.ts';
import { readBytes, readText } from './files.ts';
import type { TextInput } from './model.ts';

/** Texts to classify, and sentences to print about where they were found. */
export interface Texts {
  readonly inputs: readonly TextInput[];
  readonly notes: readonly string[];
}

/**
 * The texts of a file: a line each of a `.txt` file, a row each of a table (`.csv`, `.tsv`, `.jsonl`, `.json`,
 * `.parquet`).
 *
 * @throws `input/missing-file`, `input/data` for bad files, `usage/option` for an unknown ending or column.
 */
export async function readTexts(path: string, columns: ColumnOptions = {}): Promise<Texts> {
  if (path.toLowerCase().endsWith('.txt')) return textLines(await readText(path));
  const table = await readTable(path, { readText, readBytes });
  const { text, textPair, note } = chooseTextColumns(table, columns);
  const cell = (row: number, column: number): string => {
    const content = table.rows[row]?.[column] ?? '';
    if (content.trim() !== '') return content;
    throw new GspfError('input/data', {
      subject: placeOf(table, row),
      expected: `text in column "${table.columns[column]}"`,
      got: 'an empty field',
    });
  };
  const inputs = table.rows.map((_, row): TextInput => {
    return textPair === undefined ? cell(row, text) : [cell(row, text), cell(row, textPair)];
  });
  return { inputs, notes: note === undefined ? [] : [note] };
}

/** The lines of a text, less those that are blank. */
export function textLines(text: string): Texts {
  const lines = text
    .replace(/^\ufeff/, '')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/);
  const inputs = lines.filter((line) => line.trim() !== '');
  const blank = lines.length - inputs.length;
  const some = inputs.length > 0 && blank > 0;
  return { inputs, notes: some ? [`Blank lines left out: ${blank} of ${lines.length}.`] : [] };
}
