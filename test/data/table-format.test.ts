import { describe, expect, it } from 'vitest';
import { tableParser } from '../../src/data/table-format.ts';
import { failure } from './failure.ts';

describe('tableParser', () => {
  it.each([
    ['a.csv', 'x,y\n1,2'],
    ['a.TSV', 'x\ty\n1\t2'],
    ['a.jsonl', '{"x": 1, "y": 2}'],
    ['a.b.ndjson', '{"x": 1, "y": 2}'],
    ['a.json', '[{"x": 1, "y": 2}]'],
  ])('reads %s', (path, text) => {
    const table = tableParser(path)(text, path);
    expect([table.columns, table.rows]).toEqual([['x', 'y'], [['1', '2']]]);
  });

  it('lists what it reads', () => {
    expect(failure(() => tableParser('dir.csv/a.xlsx'))).toBe(
      'usage/option: dir.csv/a.xlsx: expected a file that ends in .csv, .tsv, .jsonl, .ndjson, .json, got .xlsx',
    );
    expect(failure(() => tableParser('data'))).toContain('got a name without an ending');
  });
});
