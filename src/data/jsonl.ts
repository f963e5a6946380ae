import { GspfError } from '../errors.ts';
import { createTable, emptyFile, type ParsedRow, type Table } from './table.ts';

/** One JSON object of a file. */
export interface JsonRecord {
  readonly fields: Readonly<Record<string, unknown>>;
  /** The line, counted from 1, on which it begins. */
  readonly line: number;
}

/**
 * A table from JSON Lines: one object a line, the keys are the columns.
 *
 * Numbers and booleans become their text, null and absent keys an empty cell. A column that holds an object or
 * array anywhere is left out and listed in `nestedColumns`.
 *
 * @throws `input/data` for a line that is not one JSON object.
 */
export function parseJsonl(text: string, source: string): Table {
  return tableOfRecords(jsonlRecords(text, source), source);
}

/**
 * The objects of a JSON Lines file, one a line.
 *
 * @throws `input/data` for a line that is not one JSON object, and for a file without any.
 */
export function jsonlRecords(text: string, source: string): JsonRecord[] {
  const records: JsonRecord[] = [];
  for (const [index, line] of withoutMark(text).split('\n').entries()) {
    if (line.trim() === '') continue;
    const hint = line.trimStart().startsWith('[')
      ? 'Name a file that holds one JSON array .json.'
      : undefined;
    const place = `${source}:${index + 1}`;
    records.push({
      fields: objectAt(parse(line, place, 'one JSON object', hint), place, hint),
      line: index + 1,
    });
  }
  if (records.length === 0) throw emptyFile(source, 'one JSON object a line');
  return records;
}

/**
 * A table from a JSON array of objects, read as in {@link parseJsonl}.
 *
 * @throws `input/data` for anything else, naming the line of the element at fault.
 */
export function parseJson(text: string, source: string): Table {
  return tableOfRecords(jsonRecords(text, source), source);
}

/**
 * The objects of a file that holds one JSON array.
 *
 * @throws `input/data` for anything else, naming the line of the element at fault.
 */
export function jsonRecords(text: string, source: string): JsonRecord[] {
  const json = withoutMark(text);
  if (json.trim() === '') throw emptyFile(source, 'a JSON array of objects');
  const hint = 'Name a file with one object a line .jsonl.';
  const elements = parse(json, source, 'a JSON array of objects', hint);
  if (!Array.isArray(elements)) {
    throw new GspfError('input/data', {
      subject: source,
      expected: 'a JSON array of objects',
      got: kindOf(elements),
    });
  }
  if (elements.length === 0) throw emptyFile(source, 'a JSON array of objects');
  const lines = elementLines(json);
  return elements.map((element: unknown, index): JsonRecord => {
    const line = lines[index] ?? 1;
    return { fields: objectAt(element, `${source}:${line}`), line };
  });
}

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function parse(json: string, subject: string, expected: string, hint: string | undefined): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GspfError('input/data', {
      subject,
      expected,
      got: `invalid JSON: ${reason}`,
      ...(hint !== undefined && { hint }),
      cause,
    });
  }
}

function objectAt(value: unknown, subject: string, hint?: string): Readonly<Record<string, unknown>> {
  if (isObject(value)) return value;
  throw new GspfError('input/data', {
    subject,
    expected: 'a JSON object',
    got: kindOf(value),
    ...(hint !== undefined && { hint }),
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * A table of objects, whose keys are the columns: numbers and booleans become their text, null and absent keys an empty
 * cell; a column that holds an object or array anywhere is left out and listed in `nestedColumns`.
 */
export function tableOfRecords(records: readonly JsonRecord[], source: string): Table {
  const names = new Set<string>();
  const nested = new Set<string>();
  for (const { fields } of records) {
    for (const [name, value] of Object.entries(fields)) {
      names.add(name);
      if (typeof value === 'object' && value !== null) nested.add(name);
    }
  }
  const columns = [...names].filter((name) => !nested.has(name));
  const rows = records.map(({ fields, line }): ParsedRow => {
    return { cells: columns.map((name) => cellOf(fields, name)), line };
  });
  return createTable(source, columns, rows, [...nested]);
}

function cellOf(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  return value === undefined || value === null ? '' : String(value);
}

/** The line on which each element of a well-formed JSON array begins. */
function elementLines(json: string): readonly number[] {
  const lines: number[] = [];
  let line = 1;
  let depth = 0;
  let inString = false;
  let awaitsElement = false;
  for (let index = 0; index < json.length; index++) {
    const char = json.charAt(index);
    if (char === '\n') line++;
    if (inString) {
      if (char === '\\') index++;
      else if (char === '"') inString = false;
      continue;
    }
    if (char.trim() === '') continue;
    if (awaitsElement && char !== ']') {
      lines.push(line);
      awaitsElement = false;
    }
    if (char === '"') inString = true;
    else if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth--;
    if (depth === 1 && (char === ',' || (char === '[' && lines.length === 0))) awaitsElement = true;
  }
  return lines;
}
