import { int, ints } from '../graph/graph.ts';
import { int64, sizeOf } from '../tensor.ts';
import type { OpDefinition, OpFamily } from './definition.ts';
import { fromNumeric } from './numeric.ts';
import { requiredArray, requiredType } from './shapes.ts';

/**
 * y = det A: dA = g·C with the cofactors Cᵢⱼ = (−1)ⁱ⁺ʲ·det(A without row i and column j), which hold for singular
 * matrices too.
 */
const det: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = requiredType(c, 0);
    return [{ dtype, shape: shape.slice(0, -2) }];
  },
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const size = shape.at(-1) ?? 0;
    const result = Float64Array.from({ length: sizeOf(shape.slice(0, -2)) }, (_, i) =>
      determinant(data.slice(i * size * size, (i + 1) * size * size), size),
    );
    return [{ dtype, shape: shape.slice(0, -2), data: result }];
  },
  gradients: [
    ({ x, g, op, constant, reshape }) => {
      const size = x.shape.at(-1) ?? 0;
      const rank = x.shape.length;
      const stack = x.shape.slice(0, -2);
      const scale = reshape(g, [...stack, 1, 1]);
      if (size === 1) return scale;
      const all = Array.from({ length: size }, (_, i) => i);
      const others = int64(
        [size, size - 1],
        all.flatMap((i) => all.filter((j) => j !== i)),
      );
      // [..., size, size − 1, size], then [..., size, size − 1, size, size − 1]
      const rows = op('Gather', [x, constant(others)], { axis: int(rank - 2) });
      const minors = op('Gather', [rows, constant(others)], { axis: int(rank) });
      const order = [...stack.map((_, axis) => axis), rank - 2, rank, rank - 1, rank + 1];
      const determinants = op('Det', [op('Transpose', [minors], { perm: ints(order) })]);
      const signs = all.flatMap((i) => all.map((j) => ((i + j) % 2 === 0 ? 1 : -1)));
      const pattern = constant(
        fromNumeric({ dtype: x.dtype, shape: [size, size], data: Float64Array.from(signs) }),
      );
      return op('Mul', [scale, op('Mul', [determinants, pattern])]);
    },
  ],
};

/** By elimination with partial pivoting; `m` is overwritten. */
function determinant(m: Float64Array, size: number): number {
  let result = 1;
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) {
      if (Math.abs(m[i * size + k] ?? 0) > Math.abs(m[pivot * size + k] ?? 0)) pivot = i;
    }
    const head = m[pivot * size + k] ?? 0;
    if (head === 0) return 0;
    for (let j = 0; j < size && pivot !== k; j++) {
      const kept = m[k * size + j] ?? 0;
      m[k * size + j] = m[pivot * size + j] ?? 0;
      m[pivot * size + j] = kept;
    }
    result *= pivot === k ? head : -head;
    for (let i = k + 1; i < size; i++) {
      const factor = (m[i * size + k] ?? 0) / head;
      for (let j = k; j < size; j++) {
        m[i * size + j] = (m[i * size + j] ?? 0) - factor * (m[k * size + j] ?? 0);
      }
    }
  }
  return result;
}

export const determinants: OpFamily<'Det'> = { Det: det };
