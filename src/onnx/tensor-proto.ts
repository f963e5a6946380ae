import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import { GspfError } from '../errors.ts';
import { elementType, elementTypeNumber } from '../graph/element-types.ts';
import {
  bytesOf,
  bytesPerElement,
  type DType,
  fromBytes,
  type Shape,
  sizeOf,
  type Tensor,
  zeros,
} from '../tensor.ts';

/** Reads `length` bytes at `offset` of a file beside the model. @throws whatever reading throws. */
export type ReadExternalData = (location: string, offset: number, length: number | undefined) => Uint8Array;

/**
 * A TensorProto as a tensor: a view on the model's bytes where they are aligned.
 *
 * @throws `input/onnx` where the data do not fill the shape or lie in a file that was not given.
 */
export function decodeTensor(proto: TensorProto, source: string, readExternal?: ReadExternalData): Tensor {
  const subject = `${source}, tensor "${proto.name}"`;
  const dtype = elementType(proto.dataType, subject);
  const shape = proto.dims.map(Number);
  if (shape.some((extent) => extent < 0) || !Number.isSafeInteger(sizeOf(shape))) {
    throw new GspfError('input/onnx', { subject, expected: 'extents from 0 up', got: `[${shape}]` });
  }
  const size = sizeOf(shape);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    return fromBytes(
      dtype,
      shape,
      externalBytes(proto, subject, size * bytesPerElement(dtype), readExternal),
    );
  }
  if (proto.rawData.length > 0) {
    expectCount(subject, shape, proto.rawData.length / bytesPerElement(dtype));
    return fromBytes(dtype, shape, proto.rawData);
  }
  switch (dtype) {
    case 'int64':
      expectCount(subject, shape, proto.int64Data.length);
      return { dtype, shape, data: BigInt64Array.from(proto.int64Data) };
    case 'uint64':
      expectCount(subject, shape, proto.uint64Data.length);
      return { dtype, shape, data: BigUint64Array.from(proto.uint64Data) };
    default: {
      const numbers = numbersOf(proto, dtype);
      expectCount(subject, shape, numbers.length);
      const tensor = zeros(dtype, shape);
      tensor.data.set(numbers);
      return tensor;
    }
  }
}

function numbersOf(proto: TensorProto, dtype: DType): readonly number[] {
  switch (dtype) {
    case 'float32':
      return proto.floatData;
    case 'float64':
      return proto.doubleData;
    case 'uint32':
      return proto.uint64Data.map(Number);
    default:
      // Small integers, booleans and the bits of half floats are stored as int32.
      return proto.int32Data;
  }
}

/** A tensor as a TensorProto whose raw data are a view on the tensor's. */
export function encodeTensor(name: string, tensor: Tensor): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: tensor.shape.map(BigInt),
    dataType: elementTypeNumber(tensor.dtype),
    rawData: plainBytes(tensor),
  });
}

/** protobuf's types want bytes over an ArrayBuffer proper; shared memory is copied. */
function plainBytes(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytesOf(tensor);
  return buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer, byteOffset, byteLength)
    : new Uint8Array(new Uint8Array(buffer, byteOffset, byteLength));
}

function externalBytes(
  proto: TensorProto,
  subject: string,
  sizeBytes: number,
  readExternal: ReadExternalData | undefined,
): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (location === undefined || readExternal === undefined) {
    throw new GspfError('input/onnx', {
      subject,
      expected: 'its data in the model file',
      got: `external data in "${location ?? ''}"`,
      hint: 'Open the model by its path, so that the files beside it can be read.',
    });
  }
  const count = (key: string, fallback: number): number => {
    const text = entries.get(key);
    if (text === undefined) return fallback;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new GspfError('input/onnx', { subject, expected: `a count of bytes as ${key}`, got: `"${text}"` });
  };
  // What the file says is compared with what the shape needs before anything is read or reserved.
  const length = count('length', sizeBytes);
  const bytes = length === sizeBytes ? readExternal(location, count('offset', 0), length) : undefined;
  if (bytes?.byteLength === sizeBytes) return bytes;
  throw new GspfError('input/onnx', {
    subject,
    expected: `${sizeBytes} bytes in "${location}"`,
    got: `${bytes?.byteLength ?? length}`,
  });
}

function expectCount(subject: string, shape: Shape, got: number): void {
  const size = sizeOf(shape);
  if (got === size) return;
  throw new GspfError('input/onnx', {
    subject,
    expected: `${size} elements for shape [${shape}]`,
    got: `${got}`,
    hint: 'The file is damaged or was cut short.',
  });
}
