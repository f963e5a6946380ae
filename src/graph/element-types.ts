import { GspfError } from '../errors.ts';
import type { DType } from '../tensor.ts';

/** Element types by their numbers in ONNX's TensorProto.DataType. */
export const elementTypes: ReadonlyMap<number, DType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
]);

const numbers = new Map([...elementTypes].map(([number, dtype]) => [dtype, number]));

/** The number of an element type in TensorProto.DataType. */
export function elementTypeNumber(dtype: DType): number {
  return numbers.get(dtype) ?? 0;
}

/** The element type of a number in TensorProto.DataType. @throws `graph/operator` for one that gspf lacks. */
export function elementType(number: number, subject: string): DType {
  const dtype = elementTypes.get(number);
  if (dtype !== undefined) return dtype;
  throw new GspfError('graph/operator', {
    subject,
    expected: `an element type among ${[...elementTypes.values()].join(', ')}`,
    got: `TensorProto.DataType ${number}`,
  });
}
