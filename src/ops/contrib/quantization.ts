import type { ExpandContext, Value } from '../definition.ts';
import { asType } from '../elementwise.ts';
import type { ContribFamily } from './family.ts';

/** y = ((A − z_A)·(B − z_B))·s_A·s_B + bias */
function scaledProduct(
  { op }: ExpandContext,
  [a, b, zeroA, zeroB]: readonly (Value | undefined)[],
  scales: readonly [Value, Value],
  bias: Value | undefined,
): readonly Value[] {
  const product = asType(op('MatMulInteger', [a, b, zeroA, zeroB]), scales[0].dtype, op);
  const scaled = op('Mul', [product, op('Mul', [...scales])]);
  return [bias === undefined ? scaled : op('Add', [scaled, bias])];
}

export const contribQuantization: ContribFamily<'DynamicQuantizeMatMul' | 'MatMulIntegerToFloat'> = {
  DynamicQuantizeMatMul: (c) => {
    const [a, scale, zero] = c.ops('DynamicQuantizeLinear', [c.input(0)], {}, 3);
    if (a === undefined || scale === undefined) return undefined;
    return scaledProduct(c, [a, c.input(1), zero, c.optional(3)], [scale, c.input(2)], c.optional(4));
  },
  MatMulIntegerToFloat: (c) =>
    scaledProduct(
      c,
      [c.input(0), c.input(1), c.optional(4), c.optional(5)],
      [c.input(2), c.input(3)],
      c.optional(6),
    ),
};
