import { stringAttribute } from '../graph/attributes.ts';
import { bytesPerElement, type DType } from '../tensor.ts';
import { binary } from './broadcasting.ts';
import type { OpDefinition, OpFamily } from './definition.ts';
import { requiredArray, requiredType } from './shapes.ts';

const isSigned = (dtype: DType): boolean => dtype.startsWith('int');

/** An integer of the element type's width, with or without sign. */
function wrap(value: bigint, dtype: DType): number {
  const bits = 8 * bytesPerElement(dtype);
  return Number(isSigned(dtype) ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value));
}

/** An operator on the bits of two integers of one type. Integers have no gradient. */
function bits(f: (a: bigint, b: bigint) => bigint): OpDefinition {
  return {
    ...binary((a) => a, [null, null]),
    evaluate: (c) => {
      const { dtype } = requiredArray(c, 0);
      return binary((a, b) => wrap(f(BigInt(a), BigInt(b)), dtype), [null, null]).evaluate(c);
    },
  };
}

const shift: OpDefinition = {
  ...bits((a) => a),
  evaluate: (c) => {
    const left = stringAttribute(c.node, 'direction', '') === 'LEFT';
    return bits((a, b) => (left ? a << b : a >> b)).evaluate(c);
  },
};

export const bitwise: OpFamily<'BitShift' | 'BitwiseAnd' | 'BitwiseNot' | 'BitwiseOr' | 'BitwiseXor'> = {
  BitShift: shift,
  BitwiseAnd: bits((a, b) => a & b),
  BitwiseNot: {
    infer: (c) => [requiredType(c, 0)],
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      return [{ dtype, shape, data: data.map((x) => wrap(~BigInt(x), dtype)) }];
    },
    gradients: [null],
  },
  BitwiseOr: bits((a, b) => a | b),
  BitwiseXor: bits((a, b) => a ^ b),
};
