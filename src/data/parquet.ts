import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { GspfError } from '../errors.ts';
import { type JsonRecord, tableOfRecords } from './jsonl.ts';
import { checkFooter, checkPages } from './parquet-pages.ts';
import { emptyFile, type Table } from './table.ts';

/** Compressions that are read, as Parquet names them. */
const codecs: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY']);

/**
 * A table from a Parquet file: columns of text, numbers and booleans, compressed by Snappy or not.
 *
 * Numbers and booleans become their text, times their ISO 8601 form, null an empty cell. A column of lists, structures
 * or bytes is left out and listed in `nestedColumns`. What the table calls a line is a row, counted from 1.
 *
 * @throws `input/data` for bytes that are no such file, are damaged or cut off, or hold text that is not UTF-8.
 */
export async function parseParquet(bytes: Uint8Array, source: string): Promise<Table> {
  checkMagic(bytes, source);
  const file = {
    byteLength: bytes.byteLength,
    slice: (start: number, end?: number): ArrayBuffer => new Uint8Array(bytes.subarray(start, end)).buffer,
  };
  const rows = await undamaged(source, async () => {
    checkFooter(bytes);
    const metadata = await parquetMetadataAsync(file);
    const columns = metadata.row_groups.flatMap((group) => group.columns);
    const unread = columns.find(({ meta_data }) => meta_data !== undefined && !codecs.has(meta_data.codec));
    if (unread?.meta_data !== undefined) throw unreadCodec(unread.meta_data.codec, source);
    checkPages(bytes, metadata);
    const found: readonly Readonly<Record<string, unknown>>[] = await parquetReadObjects({
      file,
      metadata,
      parsers: { stringFromBytes },
    });
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    return found.map((row) => Object.fromEntries(names.map((name) => [name, plain(row[name])])));
  });
  if (rows.length === 0) throw emptyFile(source, 'rows');
  return tableOfRecords(
    rows.map((fields, row): JsonRecord => ({ fields, line: row + 1 })),
    source,
  );
}

/** A file begins and ends with these letters. */
const magic = 'PAR1';

function checkMagic(bytes: Uint8Array, source: string): void {
  const letters = (part: Uint8Array): string => String.fromCharCode(...part);
  const begins = letters(bytes.subarray(0, magic.length)) === magic;
  if (begins && bytes.length >= 12 && letters(bytes.subarray(-magic.length)) === magic) return;
  throw new GspfError('input/data', {
    subject: source,
    expected: 'a Parquet file',
    got: bytes.length === 0 ? 'an empty file' : begins ? 'one that is cut off' : 'something else',
    ...(begins && { hint: 'Copy or download it again.' }),
  });
}

/** What `read` gives; whatever the library throws at is a damaged file. */
async function undamaged<R>(source: string, read: () => Promise<R>): Promise<R> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof GspfError) throw cause;
    const isEncoding = cause instanceof TypeError && /encoded data/.test(cause.message);
    throw new GspfError('input/data', {
      subject: source,
      expected: isEncoding ? 'UTF-8 text' : 'a Parquet file',
      got: isEncoding
        ? 'bytes that are not UTF-8'
        : `one that is damaged: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    });
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The library asks for missing values too. */
function stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
  return bytes && decoder.decode(bytes);
}

/** Times are no structures; bytes stay what a table leaves out. */
function plain(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : value;
}

function unreadCodec(codec: string, source: string): GspfError {
  return new GspfError('input/data', {
    subject: source,
    expected: 'a Parquet file that is compressed by Snappy or not at all',
    got: codec,
    hint: "Write it with compression='snappy', the default of pandas and pyarrow.",
  });
}
