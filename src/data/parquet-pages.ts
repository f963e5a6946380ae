import type { FileMetaData } from 'hyparquet';

/** More rows than so many for each byte of a file are damage: a row of text takes more than this. */
const ROWS_PER_BYTE = 64;
/** Snappy copies at most 64 bytes for each 3 that it reads. */
const LARGEST_EXPANSION = 64;

/**
 * Checks that the footer of a Parquet file has no list that is longer than itself, and that its schema is one tree.
 *
 * @throws RangeError that says what does not add up.
 * @see https://parquet.apache.org/docs/file-format/metadata/
 */
export function checkFooter(bytes: Uint8Array): void {
  const end = bytes.length - 8;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true);
  if (length > end) throw new RangeError(`a footer of ${length} bytes`);
  const { elements = 0, children = 0 } = readStruct(
    { bytes: bytes.subarray(end - length, end), at: 0 },
    footer,
  );
  if (children !== elements - 1)
    throw new RangeError(`a schema of ${elements} columns with ${children} parents`);
}

/**
 * Follows the page headers of a Parquet file and checks their counts and sizes against the file, since a reader that
 * trusts a damaged one allocates and loops for what is not there.
 *
 * @param metadata What the file's footer says.
 * @throws RangeError that says what does not add up.
 * @see https://parquet.apache.org/docs/file-format/data-pages/
 */
export function checkPages(bytes: Uint8Array, metadata: FileMetaData): void {
  const rows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (rows > ROWS_PER_BYTE * bytes.length) throw new RangeError(`${rows} rows in ${bytes.length} bytes`);
  for (const { columns } of metadata.row_groups) {
    for (const { meta_data: column } of columns) {
      if (column === undefined) continue;
      const start = Number(column.dictionary_page_offset ?? column.data_page_offset);
      const first = Math.min(start, Number(column.data_page_offset));
      const end = first + Number(column.total_compressed_size);
      if (!(first >= 0 && end <= bytes.length)) throw new RangeError('a column beyond the end of the file');
      checkColumn(bytes.subarray(first, end), Number(column.num_values));
    }
  }
}

/** The pages of one column chunk hold as many values as the footer says. */
function checkColumn(chunk: Uint8Array, expected: number): void {
  let values = 0;
  let at = 0;
  while (at < chunk.length && values < expected) {
    const reader = { bytes: chunk, at };
    const header = readStruct(reader, pageHeader);
    const { uncompressed = -1, compressed = -1, data, dictionary, dataV2 } = header;
    at = reader.at + compressed;
    if (compressed < 0 || at > chunk.length) throw new RangeError('a page beyond the end of its column');
    if (uncompressed < 0 || uncompressed > LARGEST_EXPANSION * (compressed + 1)) {
      throw new RangeError(`a page of ${uncompressed} bytes in ${compressed}`);
    }
    // Without compression a value of a dictionary takes at least a bit.
    const count = dictionary?.values ?? 0;
    if (count < 0 || count > 8 * uncompressed) {
      throw new RangeError(`${count} entries in a page of ${uncompressed} bytes`);
    }
    const { values: more = 0 } = data ?? dataV2 ?? {};
    if (more < 0) throw new RangeError(`a page of ${more} values`);
    values += more;
  }
  if (values !== expected) throw new RangeError(`${values} values in pages that should hold ${expected}`);
}

interface Reader {
  readonly bytes: Uint8Array;
  at: number;
}

/** The fields of a Thrift structure that are wanted, by their numbers. */
type Layout<F> = ReadonlyMap<number, (reader: Reader, fields: F) => void>;

interface Count {
  values?: number;
}

interface PageHeader {
  uncompressed?: number;
  compressed?: number;
  data?: Count;
  dictionary?: Count;
  dataV2?: Count;
}

interface Footer {
  /** Of the schema, the root among them. */
  elements?: number;
  /** How many of them the elements say that they hold, in all. */
  children?: number;
}

const schemaElement: Layout<Footer> = new Map([
  [
    5,
    (reader, fields) => {
      fields.children = zigZag(reader);
    },
  ],
]);

const footer: Layout<Footer> = new Map([
  [
    2,
    (reader, fields) => {
      fields.elements = listHead(reader).length;
      fields.children = 0;
      for (let i = 0; i < fields.elements; i++) {
        const { children = 0 } = readStruct(reader, schemaElement);
        if (children < 0) throw new RangeError(`a column with ${children} parts`);
        fields.children += children;
      }
    },
  ],
]);

const counted: Layout<Count> = new Map([
  [
    1,
    (reader, fields) => {
      fields.values = zigZag(reader);
    },
  ],
]);

const pageHeader: Layout<PageHeader> = new Map([
  [
    2,
    (reader, fields) => {
      fields.uncompressed = zigZag(reader);
    },
  ],
  [
    3,
    (reader, fields) => {
      fields.compressed = zigZag(reader);
    },
  ],
  [
    5,
    (reader, fields) => {
      fields.data = readStruct(reader, counted);
    },
  ],
  [
    7,
    (reader, fields) => {
      fields.dictionary = readStruct(reader, counted);
    },
  ],
  [
    8,
    (reader, fields) => {
      fields.dataV2 = readStruct(reader, counted);
    },
  ],
]);

/**
 * The wanted fields of a structure in Thrift's compact protocol.
 *
 * @see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
function readStruct<F extends object>(reader: Reader, layout: Layout<Partial<F>>): Partial<F> {
  const fields: Partial<F> = {};
  let id = 0;
  for (;;) {
    const head = readByte(reader);
    const type = head & 15;
    if (type === 0) return fields;
    id = head >> 4 === 0 ? zigZag(reader) : id + (head >> 4);
    const read = layout.get(id);
    if (read === undefined) skip(reader, type, true);
    else read(reader, fields);
  }
}

/** @param isField The value of a boolean field is in its head; of one in a list, a byte. */
function skip(reader: Reader, type: number, isField: boolean): void {
  switch (type) {
    case 1:
    case 2:
      if (!isField) reader.at += 1;
      return;
    case 3:
      reader.at += 1;
      return;
    case 4:
    case 5:
    case 6:
      varint(reader);
      return;
    case 7:
      reader.at += 8;
      return;
    case 8: {
      const length = varint(reader);
      reader.at += length;
      return;
    }
    case 9:
    case 10: {
      const { length, type: of } = listHead(reader);
      for (let i = 0; i < length; i++) skip(reader, of, false);
      return;
    }
    case 12:
      readStruct(reader, new Map());
      return;
    default:
      throw new RangeError(`a field of type ${type}`);
  }
}

/** How many entries a list has, and of what type: each takes a byte at least. */
function listHead(reader: Reader): { readonly length: number; readonly type: number } {
  const head = readByte(reader);
  const length = head >> 4 === 15 ? varint(reader) : head >> 4;
  if (length > reader.bytes.length - reader.at) throw new RangeError(`a list of ${length} entries`);
  return { length, type: head & 15 };
}

function readByte(reader: Reader): number {
  const byte = reader.bytes[reader.at++];
  if (byte === undefined) throw new RangeError('a structure that does not end');
  return byte;
}

function varint(reader: Reader): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = readByte(reader);
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    if (scale > Number.MAX_SAFE_INTEGER) throw new RangeError('a number that does not end');
  }
}

function zigZag(reader: Reader): number {
  const value = varint(reader);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
