import { float32, type Tensor } from '../tensor.ts';

/** The element types that checkpoints store weights in. */
export type WeightType = 'float32' | 'float16' | 'bfloat16';

/** Whether a tensor's elements can be weights. */
export function isWeight(tensor: Tensor): tensor is Tensor<WeightType> {
  return tensor.dtype === 'float32' || tensor.dtype === 'float16' || tensor.dtype === 'bfloat16';
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
