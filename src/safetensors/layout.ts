import { GspfError } from '../errors.ts';
import { bytesPerElement, type DType, type Shape, sizeOf } from '../tensor.ts';
import { dtypeOfSafetensors, safetensorsDtypes } from './dtypes.ts';
import { isJsonObject, METADATA_KEY, readHeader } from './header.ts';
import { isUnicode } from './names.ts';

/** Where the data of a tensor lie. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Range of the data, in bytes of the file. */
  readonly start: number;
  readonly end: number;
}

/** What the head of a safetensors file says: its tensors in the order of their data, and free strings. */
export interface SafetensorsLayout {
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads the head of a safetensors file; `source` names it in errors.
 *
 * @param head The file's bytes up to the end of its header, or more of them (see `headSizeBytes`).
 * @param fileSizeBytes Of the whole file.
 * @throws `input/safetensors` for all that the format forbids: a malformed header, an unknown element type,
 * ranges with holes or overlaps or past the end, a range that does not fit its shape.
 */
export function safetensorsLayout(
  head: Uint8Array,
  fileSizeBytes: number,
  source: string,
): SafetensorsLayout {
  const { header, dataStart } = readHeader(head, fileSizeBytes, source);
  const { [METADATA_KEY]: strings, ...infos } = header;
  const entries = Object.entries(infos).map(([name, info]) => parseEntry(name, info, source));
  entries.sort((a, b) => a.start - b.start || a.end - b.end);

  const dataSizeBytes = fileSizeBytes - dataStart;
  let covered = 0;
  for (const { name, dtype, shape, start, end } of entries) {
    if (start !== covered) {
      fail(source, name, `data from byte ${covered} on, after the tensor before it`, `from byte ${start}`);
    }
    const sizeBytes = sizeOf(shape) * bytesPerElement(dtype);
    if (end - start !== sizeBytes) {
      fail(source, name, `${sizeBytes} bytes for ${dtype}[${shape.join(', ')}]`, `${end - start}`);
    }
    if (end > dataSizeBytes) {
      const got = `a file that ends after ${dataSizeBytes}`;
      fail(source, name, `data up to byte ${end}`, got, 'The file is cut short.');
    }
    covered = end;
  }
  if (covered !== dataSizeBytes) {
    throw new GspfError('input/safetensors', {
      subject: source,
      expected: `${covered} bytes of data`,
      got: `${dataSizeBytes}`,
    });
  }
  return {
    entries: entries.map((entry) => ({
      ...entry,
      start: dataStart + entry.start,
      end: dataStart + entry.end,
    })),
    metadata: parseMetadata(strings, source),
  };
}

/** With the range of its data in bytes after the header, as the header has it. */
function parseEntry(name: string, info: unknown, source: string): SafetensorsEntry {
  if (!isJsonObject(info))
    return fail(source, name, 'an object of dtype, shape and data_offsets', show(info));
  const { dtype: dtypeName, shape, data_offsets: range } = info;
  const dtype = typeof dtypeName === 'string' ? dtypeOfSafetensors(dtypeName) : undefined;
  if (dtype === undefined) {
    return fail(source, name, `a dtype of ${safetensorsDtypes.join(', ')}`, show(dtypeName));
  }
  if (!isCounts(shape)) return fail(source, name, 'a shape of counts', show(shape));
  const [start, end] = isCounts(range) && range.length === 2 ? range : [];
  if (start === undefined || end === undefined || end < start) {
    return fail(source, name, 'data_offsets [start, end] in ascending order', show(range));
  }
  return { name, dtype, shape, start, end };
}

function parseMetadata(strings: unknown, source: string): Readonly<Record<string, string>> {
  if (strings === undefined || strings === null) return {};
  if (!isJsonObject(strings)) return fail(source, METADATA_KEY, 'an object of strings', show(strings));
  return Object.fromEntries(
    Object.entries(strings).map(([key, value]) => {
      if (typeof value === 'string' && isUnicode(value) && isUnicode(key)) return [key, value];
      return fail(source, METADATA_KEY, `Unicode text as ${JSON.stringify(key)}`, show(value));
    }),
  );
}

/** Whether a value is an array of integers from 0 on that a double holds exactly. */
function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);
}

function show(value: unknown): string {
  if (value === undefined) return 'none';
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function fail(source: string, name: string, expected: string, got: string, hint = ''): never {
  const subject = name === METADATA_KEY ? `${source}: ${name}` : `${source}: tensor ${JSON.stringify(name)}`;
  throw new GspfError('input/safetensors', { subject, expected, got, hint });
}
