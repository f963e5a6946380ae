import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseParquet } from '../../src/data/parquet.ts';
import { placeOf } from '../../src/data/table.ts';
import { GspfError } from '../../src/errors.ts';
import { rejection } from './failure.ts';

/** A file that pyarrow wrote. */
function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/parquet/${name}`, import.meta.url));
}

describe('parseParquet', () => {
  it.each(['snappy.parquet', 'plain.parquet'])('reads %s', async (name) => {
    const table = await parseParquet(fixture(name), name);
    expect(table.columns).toEqual(['text', 'label', 'stars', 'score', 'verified', 'seen']);
    expect(table.nestedColumns).toEqual(['tokens']);
    expect(table.rows).toHaveLength(15);
    const seen = '2021-03-04T05:06:07.000Z';
    expect(table.rows.slice(0, 5)).toEqual([
      ['Wie schön!', 'pos', '5', '0.5', 'true', seen],
      ['so "bad",\nreally', 'neg', '-1', 'NaN', 'false', ''],
      ['', 'neg', '', '1e-7', '', seen],
      ['😀 fine', 'pos', '9007199254740993', '', 'true', ''],
      ['', 'neg', '0', '-Infinity', 'false', seen],
    ]);
    expect(table.rows.slice(10).map((cells) => cells[0])).toEqual(
      table.rows.slice(0, 5).map((cells) => cells[0]),
    );
    expect(placeOf(table, 6)).toBe(`${name}:7`);
  });

  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'expected a Parquet file, got an empty file'],
    [
      'another file',
      new TextEncoder().encode('text,label\nPAR1'),
      'expected a Parquet file, got something else',
    ],
    [
      'a file that is cut off',
      fixture('plain.parquet').subarray(0, 900),
      'expected a Parquet file, got one that is cut off. Copy or download it again.',
    ],
    ['the magic alone', new TextEncoder().encode('PAR1PAR1'), 'got one that is cut off'],
    ['a footer longer than the file', patched('plain.parquet', -8, 0xff), 'got one that is damaged: '],
    [
      'text that is not UTF-8',
      fixture('latin-1.parquet'),
      'expected UTF-8 text, got bytes that are not UTF-8',
    ],
    ['a file without rows', fixture('empty.parquet'), 'expected rows, got an empty file'],
    ['another compression', fixture('zstd.parquet'), "got ZSTD. Write it with compression='snappy'"],
  ])('refuses %s', async (_, bytes, message) => {
    expect(await rejection(parseParquet(bytes, 'x.parquet'))).toContain(
      `input/data: x.parquet: ${message}`.slice(0, 23),
    );
    expect(await rejection(parseParquet(bytes, 'x.parquet'))).toContain(message);
  });

  it.each(['snappy.parquet', 'plain.parquet'])(
    'gives a table or its own error of %s wherever it is cut or its footer damaged',
    async (name) => {
      const bytes = fixture(name);
      const footer =
        bytes.length - 8 - new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 8, true);
      const whole = await parseParquet(bytes, name);
      const outcome = (damaged: Uint8Array): Promise<unknown> =>
        parseParquet(damaged, name).catch((error) => error);
      for (let length = 0; length < bytes.length; length += 13) {
        expect(await outcome(bytes.subarray(0, length))).toBeInstanceOf(GspfError);
      }
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: footer, max: bytes.length - 1 }), fc.nat(7), async (at, bit) => {
          const got = await outcome(patched(name, at, 1 << bit));
          if (!(got instanceof GspfError)) expect(got).toHaveProperty('columns.length', whole.columns.length);
        }),
        { numRuns: 300 },
      );
    },
  );

  it('refuses pages that claim more than the file holds', async () => {
    // The first page's header: uncompressed size, compressed size, then its number of values.
    for (const at of [7, 10, 15]) {
      const message = await rejection(parseParquet(patched('plain.parquet', at, 0x80), 'x.parquet'));
      expect(message).toContain('expected a Parquet file, got one that is damaged');
    }
  });
});

/** The file with some bits of a byte changed. */
function patched(name: string, at: number, change: number): Uint8Array {
  const bytes = new Uint8Array(fixture(name));
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ change;
  return bytes;
}
