import { fromBytes, type Tensor } from '../tensor.ts';
import { safetensorsLayout } from './layout.ts';

/** What a safetensors file holds: tensors in the order of their data, and free strings. */
export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a whole safetensors file; `source` names it in errors.
 *
 * Tensors are views of `bytes` where their data are aligned, copies elsewhere. The format is little-endian, and
 * so, it is assumed, is this machine.
 *
 * @throws `input/safetensors` for all that the format forbids: a malformed header, an unknown element type,
 * ranges with holes or overlaps or past the end, a range that does not fit its shape.
 * @see https://github.com/huggingface/safetensors#format
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): SafetensorsFile {
  const { entries, metadata } = safetensorsLayout(bytes, bytes.length, source);
  const tensors = new Map(
    entries.map(({ name, dtype, shape, start, end }): [string, Tensor] => [
      name,
      fromBytes(dtype, shape, bytes.subarray(start, end)),
    ]),
  );
  return { tensors, metadata };
}
