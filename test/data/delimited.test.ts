import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv, parseTsv } from '../../src/data/delimited.ts';
import { failure } from './failure.ts';
import { sharedText } from './shared-files.ts';

describe('parseCsv', () => {
  it('reads quotes, commas and line breaks inside fields, and knows where rows begin', () => {
    const table = parseCsv(
      '\ufefftext, label\r\n\r\n"a ""b"", c",1\r\n"two\r\nlines\r\nlong",0\r\n,\r\n😀 漢,1\r\n',
      'x.csv',
    );
    expect(table.columns).toEqual(['text', 'label']);
    expect(table.rows).toEqual([
      ['a "b", c', '1'],
      ['two\nlines\nlong', '0'],
      ['😀 漢', '1'],
    ]);
    expect([0, 1, 2].map((row) => table.lineOf(row))).toEqual([3, 4, 8]);
    expect(() => table.lineOf(3)).toThrow(RangeError);
  });

  it('reads back whatever a writer quotes', () => {
    const cell = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\r', ''));
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(rows, (written) => {
        const filled = written.filter((row) => row.some((value) => value.trim() !== ''));
        fc.pre(filled.length > 0);
        const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
        const text = ['a,b', ...written.map((row) => row.map(quote).join(','))].join('\r\n');
        expect(parseCsv(text, 'x.csv').rows).toEqual(filled);
      }),
    );
  });

  it.each([
    ['', 'input/data: x.csv: expected a header row and data rows, got an empty file'],
    ['\n , \n', 'input/data: x.csv: expected a header row and data rows, got an empty file'],
    ['a,b\n\n', 'input/data: x.csv: expected rows below the header, got only the header ("a", "b")'],
    [
      'a,b\n1,2\n\n1,2,3\n',
      'input/data: x.csv:4: expected 2 fields, as in the header ("a", "b"), got 3. ' +
        'Put a field that holds a comma in double quotes.',
    ],
    ['a,b,a\n1,2,3\n', 'input/data: x.csv:1: expected column names that differ, got "a" twice'],
    [
      'text;label\ngood;1\n',
      'input/data: x.csv:1: expected columns separated by commas, got the single column "text;label". ' +
        'The file seems to use semicolons: save it with commas.',
    ],
    [
      'a,b\nx,1\n\n5" pipe,1\n',
      'input/data: x.csv:4: expected a row of CSV fields, got a misplaced quote. ' +
        'Put the whole field in double quotes and write a quote inside it twice.',
    ],
    [
      'a,b\nx,1\n"open,1\ny,2\n',
      'input/data: x.csv:3: expected a row of CSV fields, got a quote that is never closed. ' +
        'Put the whole field in double quotes and write a quote inside it twice.',
    ],
  ])('refuses %j', (text, message) => {
    expect(failure(() => parseCsv(text, 'x.csv'))).toBe(message);
  });

  it('takes a single column that no other delimiter explains', () => {
    expect(parseCsv('text\nhello\n', 'x.csv').rows).toEqual([['hello']]);
  });
});

describe('parseTsv', () => {
  const text = 'text\tlabel\n"a ""b"""\t"0"\nan "odd\t1\n"half" quoted\t1\n';

  it('unwraps only fields that are quoted as a whole', () => {
    expect(parseTsv(text, 'x.tsv').rows).toEqual([
      ['a "b"', '0'],
      ['an "odd', '1'],
      ['"half" quoted', '1'],
    ]);
  });

  it('keeps every quote of official files', () => {
    expect(parseTsv(text, 'x.tsv', { quotes: 'raw' }).rows).toEqual([
      ['"a ""b"""', '"0"'],
      ['an "odd', '1'],
      ['"half" quoted', '1'],
    ]);
  });

  it('names the line of a ragged row', () => {
    expect(failure(() => parseTsv('a\tb\r\n\r\n1\r\n', 'x.tsv'))).toBe(
      'input/data: x.tsv:3: expected 2 fields, as in the header ("a", "b"), got 1. ' +
        'A field cannot hold a tab or a line break here; a CSV file can.',
    );
  });

  it('suspects commas', () => {
    expect(failure(() => parseTsv('a,b\n1,2\n', 'x.tsv'))).toContain('seems to use commas: name it .csv.');
  });

  const mrpc = sharedText('data/glue/mrpc/msr_paraphrase_train.txt');
  it.skipIf(mrpc === undefined)('reads the raw quotes and the byte order mark of MRPC', () => {
    const table = parseTsv(mrpc ?? '', 'msr_paraphrase_train.txt', { quotes: 'raw' });
    expect(table.columns).toEqual(['Quality', '#1 ID', '#2 ID', '#1 String', '#2 String']);
    expect(table.rows).toHaveLength(4076);
    expect(table.rows.filter(([quality]) => quality === '1')).toHaveLength(2753);
  });
});
