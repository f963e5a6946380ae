import { type DType, isDType } from '../tensor.ts';

/** The safetensors name of each element type, in the Rust library's order of layout: widest first. */
const names: Readonly<Record<DType, string>> = {
  uint64: 'U64',
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  uint32: 'U32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  uint16: 'U16',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

const layout: readonly DType[] = Object.keys(names).filter(isDType);

/** The safetensors names of the element types that are read. */
export const safetensorsDtypes: readonly string[] = layout.map((dtype) => names[dtype]);

/** `F32` for `float32`. */
export function safetensorsDtype(dtype: DType): string {
  return names[dtype];
}

/** `float32` for `F32`, undefined for a name that is not read. */
export function dtypeOfSafetensors(name: string): DType | undefined {
  return layout.find((dtype) => names[dtype] === name);
}

/** Negative where tensors of type `a` lie before those of type `b`, so that every tensor is aligned. */
export function compareLayout(a: DType, b: DType): number {
  return layout.indexOf(a) - layout.indexOf(b);
}
