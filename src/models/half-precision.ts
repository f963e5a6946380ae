import { GspfError } from '../errors.ts';
import { float32, type Tensor, type TensorType } from '../tensor.ts';

/** The element types that checkpoints store weights in. */
export type WeightType = 'float32' | 'float16' | 'bfloat16';

/** Whether a tensor's elements can be weights. */
export function isWeight<T extends TensorType>(tensor: T): tensor is T & { readonly dtype: WeightType } {
  return tensor.dtype === 'float32' || tensor.dtype === 'float16' || tensor.dtype === 'bfloat16';
}

/** A tensor whose elements can be weights. @throws `input/patch` for one of another type. */
export function requireWeight(tensor: Tensor, name: string): Tensor<WeightType> {
  if (isWeight(tensor)) return tensor;
  throw new GspfError('input/patch', {
    subject: `tensor "${name}"`,
    expected: 'float32, float16 or bfloat16',
    got: tensor.dtype,
  });
}

/** A tensor in float32, which holds every 16-bit number exactly; itself where it is float32 already. */
export function widen(tensor: Tensor<WeightType>): Tensor<'float32'> {
  switch (tensor.dtype) {
    case 'float32':
      return tensor;
    case 'float16':
      return widenBits(tensor, bitsOfFloat16);
    case 'bfloat16':
      return widenBits(tensor, (bits) => bits << 16);
  }
}

/** Tensors in float32. */
export function widenAll(tensors: ReadonlyMap<string, Tensor<WeightType>>): Map<string, Tensor<'float32'>> {
  return new Map([...tensors].map(([name, tensor]) => [name, widen(tensor)]));
}

/**
 * A float32 tensor in another type: each element the nearest number of that type, ties to the one whose last bit is
 * 0, as IEEE 754 and PyTorch round. What {@link widen} made comes back to the bit.
 */
export function narrow(tensor: Tensor<'float32'>, dtype: WeightType): Tensor<WeightType> {
  if (dtype === 'float32') return tensor;
  const { shape, data: values } = tensor;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = dtype === 'float16' ? float16OfBits : bfloat16OfBits;
  return { dtype, shape, data: Uint16Array.from(bits, rounded) };
}

/** The upper half of a float32, rounded. Of a NaN, whose payload a carry would change, it is cut off. */
function bfloat16OfBits(bits: number): number {
  const upper = bits >>> 16;
  if ((bits & 0x7fffffff) > 0x7f800000) return upper | (upper & 0x7f ? 0 : 0x40);
  return (bits + 0x7fff + (upper & 1)) >>> 16;
}

/** A float32 number as float16: exponents 127 and 15 above zero, mantissas of 23 and 10 bits. */
function float16OfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  const payload = (bits >>> 13) & 0x3ff;
  if (magnitude > 0x7f800000) return sign | 0x7c00 | payload | (payload ? 0 : 0x200);
  // 65520 and beyond is nearer to infinity's place than to the largest number, 65504.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  const exponent = magnitude >>> 23;
  if (exponent >= 113) return sign | roundedShift(magnitude - (112 << 23), 13);
  // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴; below 2⁻²⁵ the nearest is 0.
  return exponent < 102 ? sign : sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

/** An integer over 2^shift, rounded to the nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const quotient = value >>> shift;
  const rest = value - quotient * 2 ** shift;
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && (quotient & 1) === 1) ? quotient + 1 : quotient;
}

function widenBits(
  { shape, data }: Tensor<'float16' | 'bfloat16'>,
  widened: (bits: number) => number,
): Tensor<'float32'> {
  const bits = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) bits[i] = widened(data[i] ?? 0);
  return float32(shape, new Float32Array(bits.buffer));
}

/** The bits of a float16 number as float32: exponents 15 and 127 above zero, mantissas of 10 and 23 bits. */
function bitsOfFloat16(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // A subnormal number, mantissa · 2⁻²⁴, is a normal one in float32: its highest bit becomes the hidden one.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}
