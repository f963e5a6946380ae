import { GspfError } from './errors.ts';

/** Typed array behind each element type. Half types hold their bits; `bool` is 0 or 1. */
interface StorageOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int8: Int8Array;
  uint8: Uint8Array;
  int16: Int16Array;
  uint16: Uint16Array;
  int32: Int32Array;
  uint32: Uint32Array;
  int64: BigInt64Array;
  uint64: BigUint64Array;
  bool: Uint8Array;
}

/** Element types, by ONNX's names in lower case. */
export type DType = keyof StorageOf;
export type Shape = readonly number[];
export type TensorData = StorageOf[DType];

/** A dense row-major tensor. `data.length` is the product of `shape`; a scalar has shape `[]`. */
export type Tensor<D extends DType = DType> = {
  [K in D]: { readonly dtype: K; readonly shape: Shape; readonly data: StorageOf[K] };
}[D];

/** Element type and shape of a value, without its data. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

interface StorageConstructor<A> {
  new (length: number): A;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
  readonly BYTES_PER_ELEMENT: number;
}

const storage: { readonly [D in DType]: StorageConstructor<StorageOf[D]> } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
};

export function isDType(name: string): name is DType {
  return Object.hasOwn(storage, name);
}

/** Whether values of this type carry gradients. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return storage[dtype].BYTES_PER_ELEMENT;
}

/** A zero-filled tensor. */
export function zeros<D extends DType>(dtype: D, shape: Shape): Tensor<D>;
export function zeros(dtype: DType, shape: Shape): { dtype: DType; shape: Shape; data: TensorData } {
  return { dtype, shape, data: new storage[dtype](sizeOf(shape)) };
}

/**
 * A tensor over a range of bytes: a view where the range is aligned for its type, a copy otherwise.
 *
 * @throws `graph/shape` if the range does not hold exactly the shape's elements.
 */
export function fromBytes<D extends DType>(dtype: D, shape: Shape, bytes: Uint8Array): Tensor<D>;
export function fromBytes(
  dtype: DType,
  shape: Shape,
  bytes: Uint8Array,
): { dtype: DType; shape: Shape; data: TensorData } {
  const size = sizeOf(shape);
  const width = bytesPerElement(dtype);
  if (bytes.byteLength !== size * width) {
    throw new GspfError('graph/shape', {
      subject: `tensor of type ${dtype}[${shape}]`,
      expected: `${size * width} bytes`,
      got: `${bytes.byteLength}`,
    });
  }
  // Not `slice()`, which a Buffer of Node answers with a view.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return { dtype, shape, data: new storage[dtype](aligned.buffer, aligned.byteOffset, size) };
}

/** The bytes of a tensor, as a view. */
export function bytesOf(tensor: { readonly data: TensorData }): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

/** A float32 tensor over `data`, which is not copied. */
export function float32(shape: Shape, data: Float32Array | readonly number[]): Tensor<'float32'> {
  return { dtype: 'float32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** An int64 tensor from numbers. */
export function int64(shape: Shape, values: readonly number[]): Tensor<'int64'> {
  return { dtype: 'int64', shape, data: BigInt64Array.from(values, toInt64) };
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** A double as an int64, saturating: ONNX uses INT64_MAX for "to the end", which a double rounds up. */
export function toInt64(value: number): bigint {
  if (value >= 2 ** 63) return INT64_MAX;
  if (value <= -(2 ** 63)) return INT64_MIN;
  return BigInt(Math.trunc(value));
}

/** `float32[2, 3]`, for messages. */
export function formatType({ dtype, shape }: TensorType): string {
  return `${dtype}[${shape.join(', ')}]`;
}
