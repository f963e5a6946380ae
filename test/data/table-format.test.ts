import { expect, it } from 'vitest';
import { readTable, type TableFiles } from '../../src/data/table-format.ts';
import { rejection } from './failure.ts';

function holding(text: string): TableFiles {
  return { readText: async () => text, readBytes: async () => new TextEncoder().encode(text) };
}

it.each([
  ['a.csv', 'x,y\n1,2'],
  ['a.TSV', 'x\ty\n1\t2'],
  ['a.jsonl', '{"x": 1, "y": 2}'],
  ['a.b.ndjson', '{"x": 1, "y": 2}'],
  ['a.json', '[{"x": 1, "y": 2}]'],
])('readTable reads %s', async (path, text) => {
  const table = await readTable(path, holding(text));
  expect([table.columns, table.rows]).toEqual([['x', 'y'], [['1', '2']]]);
});

it('readTable takes .parquet for bytes, and lists what it reads', async () => {
  expect(await rejection(readTable('a.parquet', holding('x,y\n1,2')))).toBe(
    'input/data: a.parquet: expected a Parquet file, got something else',
  );
  expect(await rejection(readTable('dir.csv/a.xlsx', holding('')))).toBe(
    'usage/option: dir.csv/a.xlsx: expected a file that ends in .csv, .tsv, .jsonl, .ndjson, .json, .parquet, got .xlsx',
  );
  expect(await rejection(readTable('data', holding('')))).toContain('got a name without an ending');
});
