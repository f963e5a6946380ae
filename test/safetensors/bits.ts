import { bytesOf, type Tensor } from '../../src/tensor.ts';

/** Tensors by name as plain values that `toEqual` compares to the bit, which it does not for floats. */
export function bitsByName(tensors: ReadonlyMap<string, Tensor>): Record<string, string> {
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, bits(tensor)]));
}

/** `float32[2] 0000803f00000080`: element type, shape, bytes. */
export function bits(tensor: Tensor): string {
  return `${tensor.dtype}[${tensor.shape}] ${Buffer.from(bytesOf(tensor)).toString('hex')}`;
}
