// The browser build runs everywhere: the other one needs Node's global Buffer.
import { CsvError, parse } from 'csv-parse/browser/esm/sync';
import { GspfError } from '../errors.ts';
import { createTable, emptyFile, type ParsedRow, quoteNames, type Table } from './table.ts';

/** How a TSV file is read. */
export interface TsvOptions {
  /** How double quotes are read; `unwrap`. */
  readonly quotes?: 'unwrap' | 'raw';
  /** Column names of a file that has no header row. */
  readonly columns?: readonly string[] | undefined;
  /**
   * Rows with more or fewer fields than there are columns: an error, or fitted, surplus fields left out and missing
   * ones empty; `error`.
   */
  readonly ragged?: 'error' | 'fit' | undefined;
}

/**
 * A table from CSV text: commas, a header row, fields in double quotes where needed (RFC 4180).
 *
 * Rows without any content are skipped. A quote inside an unquoted field is an error, because guessing there
 * can swallow the rows that follow.
 *
 * @throws `input/data` for text that is no such table, naming the line.
 */
export function parseCsv(text: string, source: string): Table {
  const normalized = normalize(text);
  const rows: ParsedRow[] = [];
  let lastLine = 0;
  try {
    parse(normalized, {
      record_delimiter: '\n',
      relax_column_count: true,
      skip_empty_lines: true,
      on_record: (cells: string[], { lines }) => {
        const innerLines = cells.reduce((sum, cell) => sum + (cell.split('\n').length - 1), 0);
        rows.push({ cells, line: lines - innerLines });
        lastLine = lines;
        return null;
      },
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new GspfError('input/data', {
      subject: `${source}:${nextFilledLine(normalized, lastLine)}`,
      expected: 'a row of CSV fields',
      got: cause.code === 'CSV_QUOTE_NOT_CLOSED' ? 'a quote that is never closed' : 'a misplaced quote',
      hint: 'Put the whole field in double quotes and write a quote inside it twice.',
      cause,
    });
  }
  return tabulate(rows, source, {
    delimiter: ',',
    raggedHint: 'Put a field that holds a comma in double quotes.',
  });
}

/**
 * A table from tab-separated text, with a header row unless `columns` names them; a row is a line, a field never holds a tab or line break.
 *
 * `quotes: 'raw'` keeps every quote, as the official GLUE files need it. `'unwrap'`, the default, suits what
 * spreadsheets, pandas and R write: a field that is quoted as a whole, with each quote inside doubled, is
 * unwrapped, any other field is kept as it is. The rule looks at one field at a time, so two files of a task
 * are never read differently.
 *
 * @throws `input/data` for text that is no such table, naming the line.
 */
export function parseTsv(
  text: string,
  source: string,
  { quotes = 'unwrap', columns, ragged = 'error' }: TsvOptions = {},
): Table {
  const rows: ParsedRow[] = [];
  for (const [index, line] of normalize(text).split('\n').entries()) {
    if (line === '') continue;
    const fields = line.split('\t');
    rows.push({ cells: quotes === 'raw' ? fields : fields.map(unwrap), line: index + 1 });
  }
  return tabulate(rows, source, {
    delimiter: '\t',
    raggedHint: 'A field cannot hold a tab or a line break here; a CSV file can.',
    columns,
    fits: ragged === 'fit',
  });
}

const quotedField = /^"(?:[^"]|"")*"$/;

function unwrap(field: string): string {
  return quotedField.test(field) ? field.slice(1, -1).replaceAll('""', '"') : field;
}

/** Without byte order mark, lines ended by a line feed alone. */
function normalize(text: string): string {
  return (text.startsWith('\ufeff') ? text.slice(1) : text).replaceAll('\r\n', '\n');
}

function nextFilledLine(text: string, lastLine: number): number {
  const lines = text.split('\n');
  let line = lastLine + 1;
  while (lines[line - 1] === '') line++;
  return line;
}

interface Layout {
  readonly delimiter: string;
  readonly raggedHint: string;
  /** Column names of a file without a header row. */
  readonly columns?: readonly string[] | undefined;
  /** Whether rows are cut or filled up to the number of columns. */
  readonly fits?: boolean;
}

function tabulate(parsed: readonly ParsedRow[], source: string, layout: Layout): Table {
  const { delimiter, raggedHint } = layout;
  const filled = parsed.filter(({ cells }) => cells.some((cell) => cell.trim() !== ''));
  const [first] = filled;
  if (first === undefined) {
    throw emptyFile(source, layout.columns === undefined ? 'a header row and data rows' : 'data rows');
  }
  const columns = layout.columns ?? first.cells.map((name) => name.trim());
  if (layout.columns === undefined) checkHeader(columns, `${source}:${first.line}`, delimiter);
  const given = layout.columns === undefined ? filled.slice(1) : filled;
  const rows = layout.fits
    ? given.map(({ cells, line }) => ({ cells: columns.map((_, column) => cells[column] ?? ''), line }))
    : given;
  for (const { cells, line } of rows) {
    if (cells.length === columns.length) continue;
    throw new GspfError('input/data', {
      subject: `${source}:${line}`,
      expected: `${columns.length} fields${layout.columns === undefined ? ', as in the header' : ''} (${quoteNames(columns)})`,
      got: `${cells.length}`,
      hint: raggedHint,
    });
  }
  if (rows.length === 0) {
    throw new GspfError('input/data', {
      subject: source,
      expected: 'rows below the header',
      got: `only the header (${quoteNames(columns)})`,
    });
  }
  return createTable(source, columns, rows);
}

const delimiterNames: Readonly<Record<string, string>> = {
  ',': 'commas',
  '\t': 'tabs',
  ';': 'semicolons',
  '|': 'vertical bars',
};

function checkHeader(columns: readonly string[], place: string, delimiter: string): void {
  const repeated = columns.find((name, index) => name !== '' && columns.indexOf(name) < index);
  if (repeated !== undefined) {
    throw new GspfError('input/data', {
      subject: place,
      expected: 'column names that differ',
      got: `"${repeated}" twice`,
    });
  }
  const [only] = columns;
  if (columns.length > 1 || only === undefined) return;
  const other = Object.keys(delimiterNames).find((mark) => only.includes(mark));
  if (other === undefined) return;
  throw new GspfError('input/data', {
    subject: place,
    expected: `columns separated by ${delimiterNames[delimiter]}`,
    got: `the single column "${only}"`,
    hint: `The file seems to use ${delimiterNames[other]}: ${other === '\t' ? 'name it .tsv' : other === ',' ? 'name it .csv' : 'save it with commas'}.`,
  });
}
