import { bytesOf, bytesPerElement, fromBytes, type Tensor, type TensorData } from '../tensor.ts';

/**
 * Elements as unsigned words, which are compared and copied to the bit: floats would equate 0 with −0 and may
 * lose the payloads of NaNs. An element of 8 bytes is two words.
 */
export function wordsOf({ data }: { readonly data: TensorData }): Uint8Array | Uint16Array | Uint32Array {
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = data;
  if (BYTES_PER_ELEMENT === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (BYTES_PER_ELEMENT === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

export function wordsPerElement({ dtype }: Tensor): number {
  return bytesPerElement(dtype) === 8 ? 2 : 1;
}

/** A tensor with memory of its own. */
export function cloneTensor(tensor: Tensor): Tensor {
  return fromBytes(tensor.dtype, tensor.shape, bytesOf(tensor).slice());
}

/** Copies of the elements at some flat indices: `[indices.length]`, in the tensor's type. */
export function gather(source: Tensor, indices: Float64Array): Tensor {
  const bytes = new Uint8Array(indices.length * bytesPerElement(source.dtype));
  const values: Tensor = fromBytes(source.dtype, [indices.length], bytes);
  const from = wordsOf(source);
  const to = wordsOf(values);
  const words = wordsPerElement(source);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    for (let word = 0; word < words; word++) to[i * words + word] = from[index * words + word] ?? 0;
  }
  return values;
}

/** Overwrites the elements at some flat indices with values of the same type. */
export function scatter(target: Tensor, indices: Float64Array, values: Tensor): void {
  const from = wordsOf(values);
  const to = wordsOf(target);
  const words = wordsPerElement(target);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    for (let word = 0; word < words; word++) to[index * words + word] = from[i * words + word] ?? 0;
  }
}

/** How many elements of two tensors of one type and shape differ in any bit. */
export function countChanges(before: Tensor, after: Tensor): number {
  let count = 0;
  forEachChange(before, after, () => count++);
  return count;
}

/** Flat indices, ascending, at which two tensors of one type and shape differ in any bit; `count` of them, if known. */
export function changedIndices(
  before: Tensor,
  after: Tensor,
  count: number = countChanges(before, after),
): Float64Array {
  const indices = new Float64Array(count);
  let found = 0;
  forEachChange(before, after, (index) => {
    indices[found++] = index;
  });
  return indices;
}

/** Whether two tensors are the same in type, shape and every bit. */
export function sameBits(a: Tensor, b: Tensor): boolean {
  if (!sameType(a, b)) return false;
  let same = true;
  forEachChange(a, b, () => {
    same = false;
  });
  return same;
}

export function sameType(a: Tensor, b: Tensor): boolean {
  return a.dtype === b.dtype && a.shape.join() === b.shape.join();
}

function forEachChange(before: Tensor, after: Tensor, visit: (index: number) => void): void {
  const a = wordsOf(before);
  const b = wordsOf(after);
  const words = wordsPerElement(before);
  let last = -1;
  for (let word = 0; word < a.length; word++) {
    if (a[word] === b[word]) continue;
    const index = Math.floor(word / words);
    if (index !== last) visit(index);
    last = index;
  }
}
