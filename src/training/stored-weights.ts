import { narrow, type WeightType, widen } from '../models/half-precision.ts';
import type { Parameter } from '../models/parameters.ts';
import { sameBits } from '../patch/bits.ts';
import type { Tensor } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';

/**
 * The element types that a model's tensors are stored in: each one's own, and for those that the base lacks the
 * type of most of its weights.
 */
export function storedTypes(
  parameters: readonly Parameter[],
  base: ReadonlyMap<string, Tensor<WeightType>>,
): Map<string, WeightType> {
  const sizes = new Map<WeightType, number>();
  for (const { dtype, data } of base.values()) sizes.set(dtype, (sizes.get(dtype) ?? 0) + data.length);
  const [[usual] = ['float32' as const]] = [...sizes].sort(([, a], [, b]) => b - a);
  const own = [...base].map(([name, { dtype }]) => [name, dtype] as const);
  return new Map([...parameters.map(({ name }) => [name, usual] as const), ...own]);
}

/** Weights in the types that they are stored in, rounded to the nearest. */
export function toStored(
  weights: Weights,
  types: ReadonlyMap<string, WeightType>,
): Map<string, Tensor<WeightType>> {
  return new Map([...weights].map(([name, tensor]) => [name, narrow(tensor, types.get(name) ?? 'float32')]));
}

/**
 * Calls `work` while the weights are what they are once they are stored: a model is scored as it will be used. Then
 * training has its own digits back.
 */
export async function asStored<T>(
  weights: Weights,
  types: ReadonlyMap<string, WeightType>,
  work: () => Promise<T>,
): Promise<T> {
  const kept: { readonly data: Float32Array; readonly values: Float32Array }[] = [];
  for (const [name, tensor] of weights) {
    const rounded = widen(narrow(tensor, types.get(name) ?? 'float32'));
    if (rounded === tensor || sameBits(rounded, tensor)) continue;
    kept.push({ data: tensor.data, values: tensor.data.slice() });
    tensor.data.set(rounded.data);
  }
  try {
    return await work();
  } finally {
    for (const { data, values } of kept) data.set(values);
  }
}
