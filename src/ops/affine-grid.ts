import { intAttribute } from '../graph/attributes.ts';
import { ints, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import type { OpDefinition, OpFamily } from './definition.ts';
import { fromNumeric } from './numeric.ts';
import { asInfer, knownContext, knownNumbers, requiredArray, requiredType, stridesOf } from './shapes.ts';

/** The grid's points on the unmoved image, `[places, r + 1]`: coordinates x, y, z and 1. */
function homogeneous(extents: Shape, aligned: boolean): Float64Array {
  const [rank, strides] = [extents.length, stridesOf(extents)];
  return Float64Array.from({ length: sizeOf(extents) * (rank + 1) }, (_, at) => {
    const [place, column] = [Math.floor(at / (rank + 1)), at % (rank + 1)];
    if (column === rank) return 1;
    const axis = rank - 1 - column;
    const extent = extents[axis] ?? 1;
    const index = Math.floor(place / (strides[axis] ?? 1)) % extent;
    if (aligned) return extent === 1 ? 0 : (2 * index) / (extent - 1) - 1;
    return (2 * index + 1) / extent - 1;
  });
}

const isAligned = (node: Node): boolean => intAttribute(node, 'align_corners', 0) === 1;

const affineGrid: OpDefinition = {
  infer: (c) => {
    const [n = 0, , ...extents] = knownNumbers(c, 1);
    return [{ dtype: requiredType(c, 0).dtype, shape: [n, ...extents, extents.length] }];
  },
  evaluate: (c) => {
    const [n = 0, , ...extents] = knownNumbers(asInfer(c), 1);
    const { dtype, data } = requiredArray(c, 0);
    const [rank, size] = [extents.length, sizeOf(extents)];
    const base = homogeneous(extents, isAligned(c.node));
    const result = Float64Array.from({ length: n * size * rank }, (_, at) => {
      const [row, place] = [at % rank, Math.floor(at / rank) % size];
      const theta = (Math.floor(at / (rank * size)) * rank + row) * (rank + 1);
      return Array.from(
        { length: rank + 1 },
        (_, k) => (data[theta + k] ?? 0) * (base[place * (rank + 1) + k] ?? 0),
      ).reduce((sum, term) => sum + term);
    });
    return [{ dtype, shape: [n, ...extents, rank], data: result }];
  },
  // grid = base·θᵀ: dθ = gᵀ·base
  gradients: [
    (c) => {
      const [n = 0, , ...extents] = knownNumbers(knownContext(c), 1);
      const [rank, size] = [extents.length, sizeOf(extents)];
      const base = fromNumeric({
        dtype: c.x.dtype,
        shape: [size, rank + 1],
        data: homogeneous(extents, isAligned(c.node)),
      });
      const g = c.op('Transpose', [c.reshape(c.g, [n, size, rank])], { perm: ints([0, 2, 1]) });
      return c.op('MatMul', [g, c.constant(base)]);
    },
    null,
  ],
};

export const affineGrids: OpFamily<'AffineGrid'> = { AffineGrid: affineGrid };
