import { GspfError } from '../errors.ts';

/** Rows of text cells under named columns, as read from one file. */
export interface Table {
  /** The file's name, for messages. */
  readonly source: string;
  readonly columns: readonly string[];
  /** `rows[row][column]`; an empty string where the file has no value. */
  readonly rows: readonly (readonly string[])[];
  /** Columns of a JSON file that are left out because they hold objects or arrays. */
  readonly nestedColumns: readonly string[];
  /** The line, counted from 1, on which a row begins. */
  lineOf(row: number): number;
}

/** One row as a parser found it. */
export interface ParsedRow {
  readonly cells: readonly string[];
  readonly line: number;
}

/** A table over parsed rows. */
export function createTable(
  source: string,
  columns: readonly string[],
  parsed: readonly ParsedRow[],
  nestedColumns: readonly string[] = [],
): Table {
  const lines = parsed.map(({ line }) => line);
  return {
    source,
    columns,
    rows: parsed.map(({ cells }) => cells),
    nestedColumns,
    lineOf(row) {
      const line = lines[row];
      if (line === undefined) throw new RangeError(`row ${row} of ${lines.length}`);
      return line;
    },
  };
}

/** The table without the rows that `keep` refuses. */
export function filterRows(table: Table, keep: (cells: readonly string[]) => boolean): Table {
  const kept = table.rows.flatMap((cells, row): ParsedRow[] =>
    keep(cells) ? [{ cells, line: table.lineOf(row) }] : [],
  );
  return createTable(table.source, table.columns, kept, table.nestedColumns);
}

/** `file.csv:12`, the place of a row, for messages. */
export function placeOf(table: Table, row: number): string {
  return `${table.source}:${table.lineOf(row)}`;
}

/** The error of a file without any content. */
export function emptyFile(source: string, expected: string): GspfError {
  return new GspfError('input/data', { subject: source, expected, got: 'an empty file' });
}

/** `"a", "b", "c"`, for messages. */
export function quoteNames(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
