import { GspfError } from '../errors.ts';
import { isUnicode } from './names.ts';

/** Bytes before the header: its length, as a little-endian uint64. */
export const PREFIX_BYTES = 8;

/** The longest header that the Rust library reads. */
export const MAX_HEADER_BYTES = 100_000_000;

/** The key of the header that holds strings rather than a tensor. */
export const METADATA_KEY = '__metadata__';

type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How many bytes of a file are its head, by the first eight of them: no more than there are, or than may be read. */
export function headSizeBytes(prefix: Uint8Array, fileSizeBytes: number): number {
  if (prefix.length < PREFIX_BYTES) return prefix.length;
  const length = headerLength(prefix);
  return length > MAX_HEADER_BYTES ? PREFIX_BYTES : Math.min(PREFIX_BYTES + Number(length), fileSizeBytes);
}

function headerLength(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
}

/**
 * The JSON object at the head of a safetensors file, and the byte at which the tensors' data begin.
 *
 * @param bytes The file's first bytes, up to the end of the header at least.
 * @param fileSizeBytes Of the whole file.
 * @throws `input/safetensors` for a length that does not fit the file, for anything but UTF-8 JSON that starts
 * with `{`, and for a key that stands twice in one object.
 */
export function readHeader(
  bytes: Uint8Array,
  fileSizeBytes: number,
  source: string,
): { header: JsonObject; dataStart: number } {
  const fail = (expected: string, got: string, hint = '', cause?: unknown): never => {
    throw new GspfError('input/safetensors', { subject: source, expected, got, hint, cause });
  };
  if (bytes.length < PREFIX_BYTES) fail('a safetensors file of 8 bytes or more', `${bytes.length} bytes`);
  const length = headerLength(bytes);
  if (length > MAX_HEADER_BYTES) {
    fail(`a header of at most ${MAX_HEADER_BYTES} bytes`, `a length of ${length}`, foreignHint(bytes));
  }
  const dataStart = PREFIX_BYTES + Number(length);
  if (dataStart > fileSizeBytes) {
    fail(
      `a header of ${length} bytes`,
      `${fileSizeBytes - PREFIX_BYTES} bytes after its length`,
      'The file is cut short.',
    );
  }
  const text = decodeText(bytes.subarray(PREFIX_BYTES, dataStart));
  if (text === undefined) return fail('a header of UTF-8 text', 'bytes that are not UTF-8');
  if (!text.startsWith('{')) fail('a header that starts with {', JSON.stringify(text.slice(0, 1)));
  const header = parse(text, (cause) => fail('a header of JSON', 'invalid JSON', '', cause));
  if (!isJsonObject(header)) return fail('a header that is a JSON object', 'another value');
  const twice = duplicateKey(text);
  if (twice !== undefined) fail('every key once', `${JSON.stringify(twice)} twice`);
  const malformed = Object.keys(header).find((name) => !isUnicode(name));
  if (malformed !== undefined) fail('names of Unicode text', JSON.stringify(malformed));
  return { header, dataStart };
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parse(text: string, fail: (cause: unknown) => never): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return fail(cause);
  }
}

/** A key that one object of valid JSON text holds twice: `JSON.parse` keeps the last and says nothing. */
function duplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (const [, string, colon, brace] of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|([{}])/g)) {
    if (brace === '{') open.push(new Set());
    else if (brace === '}') open.pop();
    else if (string !== undefined && colon !== undefined) {
      const key: string = JSON.parse(string);
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

/** What a file is that begins with text where a length should stand. */
function foreignHint(bytes: Uint8Array): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, PREFIX_BYTES));
  if (start === 'version ') {
    return 'This looks like a Git LFS pointer; fetch the file that it stands for with `git lfs pull`.';
  }
  return 'This is not a safetensors file.';
}
