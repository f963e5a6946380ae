import fc from 'fast-check';
import { bytesPerElement, type DType, fromBytes, sizeOf, type Tensor } from '../../src/tensor.ts';

export const allDtypes: readonly DType[] = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

export const shapes: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 4 }), { maxLength: 3 });

/** Tensors of a type and shape over random bits: NaNs of every payload and both zeros among them. */
export function tensorsOf(dtype: DType, shape: readonly number[]): fc.Arbitrary<Tensor> {
  const length = sizeOf(shape) * bytesPerElement(dtype);
  const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 0x80, 0x7f, 0xff));
  return fc
    .array(byte, { minLength: length, maxLength: length })
    .map((bytes) => fromBytes(dtype, shape, Uint8Array.from(bytes)));
}

export const tensors: fc.Arbitrary<Tensor> = fc
  .record({ dtype: fc.constantFrom(...allDtypes), shape: shapes })
  .chain(({ dtype, shape }) => tensorsOf(dtype, shape));

/** Names with every kind of character that UTF-8 can hold, and those that trip up JSON and objects. */
export const names: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5 }).filter((name) => name !== '__metadata__'),
  fc.constantFrom('0', '10', '9', '__proto__', 'constructor', '\uff5e', '\u{1f600}', 'w', 'w.indices'),
);

export const tensorMaps: fc.Arbitrary<Map<string, Tensor>> = fc
  .uniqueArray(fc.tuple(names, tensors), { selector: ([name]) => name, maxLength: 8 })
  .map((entries) => new Map(entries));
