import { GspfError } from '../errors.ts';
import { parseCsv, parseTsv } from './delimited.ts';
import { parseJson, parseJsonl } from './jsonl.ts';
import type { Table } from './table.ts';

type TableParser = (text: string, source: string) => Table;

const parsers: Readonly<Record<string, TableParser>> = {
  '.csv': parseCsv,
  '.tsv': (text, source) => parseTsv(text, source),
  '.jsonl': parseJsonl,
  '.ndjson': parseJsonl,
  '.json': parseJson,
};

/**
 * The parser for a file, by the ending of its name: `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json`, in any case.
 *
 * @throws `usage/option` for any other ending.
 */
export function tableParser(path: string): TableParser {
  const name = path.toLowerCase();
  for (const [ending, parser] of Object.entries(parsers)) {
    if (name.endsWith(ending)) return parser;
  }
  throw new GspfError('usage/option', {
    subject: path,
    expected: `a file that ends in ${Object.keys(parsers).join(', ')}`,
    got: /\.[^./\\]+$/.exec(path)?.[0] ?? 'a name without an ending',
  });
}
