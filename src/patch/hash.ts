import { safetensorsDtype } from '../safetensors/dtypes.ts';
import { compareNames } from '../safetensors/names.ts';
import { bytesOf, type Tensor } from '../tensor.ts';

/** A running SHA-256. */
export interface Sha256 {
  /** Takes in bytes, which stay the caller's. */
  update(bytes: Uint8Array): void;
  /** The digest of all bytes so far, as 64 lower-case hexadecimal digits; called once, at the end. */
  hex(): string;
}

/** Begins a hash. */
export type CreateSha256 = () => Sha256;

/**
 * The hash that names a base: over its tensors in ascending order of their names' UTF-8 bytes, for each the
 * name, the element type, the shape and the data, every part preceded by its length (docs/patch-format.md).
 *
 * Data are hashed where they lie, as the little-endian bytes that this machine is assumed to have.
 */
export function baseSha256(tensors: ReadonlyMap<string, Tensor>, createSha256: CreateSha256): string {
  const hash = createSha256();
  const utf8 = new TextEncoder();
  const sorted = [...tensors].sort(([a], [b]) => compareNames(a, b));
  for (const [name, tensor] of sorted) {
    const nameBytes = utf8.encode(name);
    hash.update(uint64(nameBytes.length));
    hash.update(nameBytes);
    const dtype = utf8.encode(safetensorsDtype(tensor.dtype));
    hash.update(uint64(dtype.length));
    hash.update(dtype);
    hash.update(uint64(tensor.shape.length));
    for (const extent of tensor.shape) hash.update(uint64(extent));
    hash.update(uint64(tensor.data.byteLength));
    hash.update(bytesOf(tensor));
  }
  return hash.hex();
}

/** A count as 8 little-endian bytes. */
function uint64(count: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(count), true);
  return bytes;
}
