import { GspfError } from '../errors.ts';
import { bytesOf, formatType, sizeOf, type Tensor } from '../tensor.ts';
import { compareLayout, safetensorsDtype } from './dtypes.ts';
import { MAX_HEADER_BYTES, METADATA_KEY, PREFIX_BYTES } from './header.ts';
import { compareNames, isUnicode } from './names.ts';

/**
 * The bytes of a safetensors file, in one buffer; the same tensors and metadata in any order give the same bytes.
 *
 * @throws `input/safetensors` for a name that is given twice, is reserved or is not Unicode text, and for data that do
 * not fill their shape.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  return concatenate(safetensorsChunks(tensors, metadata));
}

/** The bytes of all chunks, one after the other, in memory of their own. */
export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(sizeOfAll(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** Bytes in all chunks. */
export function sizeOfAll(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/**
 * The bytes of a safetensors file in parts to be written one after the other: the header, then views of the
 * tensors' own memory, so that no weight is copied.
 *
 * Tensors lie as the Rust library lays them, by element type, widest first, then by name, and the header is
 * padded with spaces to a multiple of 8 bytes: every tensor is aligned. Metadata are sorted by key.
 *
 * @throws `input/safetensors` for a name that is given twice, is reserved or is not Unicode text, and for data
 * that do not fill their shape.
 */
export function safetensorsChunks(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): readonly Uint8Array[] {
  const sorted = [...tensors].sort(
    ([a, left], [b, right]) => compareLayout(left.dtype, right.dtype) || compareNames(a, b),
  );
  check(sorted, metadata);
  const members: string[] = [];
  const strings = Object.entries(metadata).sort(([a], [b]) => compareNames(a, b));
  if (strings.length > 0) members.push(`"${METADATA_KEY}":{${strings.map(member).join()}}`);
  let end = 0;
  for (const [name, { dtype, shape, data }] of sorted) {
    const start = end;
    end += data.byteLength;
    members.push(member([name, { dtype: safetensorsDtype(dtype), shape, data_offsets: [start, end] }]));
  }
  return [encodeHeader(`{${members.join()}}`), ...sorted.map(([, tensor]) => bytesOf(tensor))];
}

/** JSON text by hand: an object would move names such as `0` to the front and swallow `__proto__`. */
function member([key, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new GspfError('input/safetensors', {
      subject: 'header of a safetensors file',
      expected: `at most ${MAX_HEADER_BYTES} bytes`,
      got: `${length}`,
    });
  }
  const header = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, PREFIX_BYTES);
  return header;
}

function check(
  tensors: readonly (readonly [string, Tensor])[],
  metadata: Readonly<Record<string, string>>,
): void {
  const names = new Set<string>();
  for (const [name, tensor] of tensors) {
    const subject = `tensor ${JSON.stringify(name)}`;
    if (name === METADATA_KEY) {
      throw new GspfError('input/safetensors', { subject, expected: 'another name: this one is reserved' });
    }
    if (!isUnicode(name)) {
      throw new GspfError('input/safetensors', { subject, expected: 'a name of Unicode text' });
    }
    if (names.has(name)) {
      throw new GspfError('input/safetensors', { subject, expected: 'every name once', got: 'it twice' });
    }
    names.add(name);
    if (tensor.data.length !== sizeOf(tensor.shape)) {
      throw new GspfError('input/safetensors', {
        subject,
        expected: `${sizeOf(tensor.shape)} elements for ${formatType(tensor)}`,
        got: `${tensor.data.length}`,
      });
    }
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (isUnicode(key) && isUnicode(value)) continue;
    throw new GspfError('input/safetensors', {
      subject: `metadata ${JSON.stringify(key)}`,
      expected: 'Unicode text',
      got: JSON.stringify(value),
    });
  }
}
