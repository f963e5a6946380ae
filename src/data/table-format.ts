import { GspfError } from '../errors.ts';
import { parseCsv, parseTsv } from './delimited.ts';
import { parseJson, parseJsonl } from './jsonl.ts';
import { parseParquet } from './parquet.ts';
import type { Table } from './table.ts';

/** The file access that reading a table needs. */
export interface TableFiles {
  /** The decoded text of a file. */
  readText(path: string): Promise<string>;
  readBytes(path: string): Promise<Uint8Array>;
}

type TableReader = (path: string, files: TableFiles) => Promise<Table>;

const readers: Readonly<Record<string, TableReader>> = {
  '.csv': ofText(parseCsv),
  '.tsv': ofText((text, source) => parseTsv(text, source)),
  '.jsonl': ofText(parseJsonl),
  '.ndjson': ofText(parseJsonl),
  '.json': ofText(parseJson),
  '.parquet': async (path, files) => parseParquet(await files.readBytes(path), path),
};

/**
 * The table of a file, in the format that its name ends in, in any case: `.csv`, `.tsv`, `.jsonl`, `.ndjson`, `.json`
 * or `.parquet`.
 *
 * @throws `usage/option` for any other ending, `input/data` for a file that is not of its format; what `files` throws
 * passes through.
 */
export async function readTable(path: string, files: TableFiles): Promise<Table> {
  const name = path.toLowerCase();
  for (const [ending, read] of Object.entries(readers)) {
    if (name.endsWith(ending)) return read(path, files);
  }
  throw new GspfError('usage/option', {
    subject: path,
    expected: `a file that ends in ${Object.keys(readers).join(', ')}`,
    got: /\.[^./\\]+$/.exec(path)?.[0] ?? 'a name without an ending',
  });
}

function ofText(parse: (text: string, source: string) => Table): TableReader {
  return async (path, files) => parse(await files.readText(path), path);
}
