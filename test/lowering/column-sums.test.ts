import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, type StaticGraph } from '../../src/graph/graph.ts';
import { withColumnSums } from '../../src/lowering/column-sums.ts';
import { int64, type Shape } from '../../src/tensor.ts';
import { expectSameValues, specialized } from './same-values.ts';

/** The sum of x over some axes, beside twice that. */
function sums(shape: Shape, axes: readonly number[], keepdims: boolean): StaticGraph {
  const builder = new GraphBuilder();
  const x = builder.input({ name: 'x', dtype: 'float32', shape });
  builder.initializer('axes', int64([axes.length], axes));
  const y = builder.op('ReduceSum', [x, 'axes'], { keepdims: int(keepdims ? 1 : 0) }, 'y');
  builder.op('Add', [y, y], {}, 'z');
  const summed = new Set(axes.map((axis) => (axis + shape.length) % shape.length));
  const result = shape.flatMap((extent, axis) => (summed.has(axis) ? (keepdims ? [1] : []) : [extent]));
  return specialized(builder, [
    { name: 'y', shape: result },
    { name: 'z', shape: result },
  ]);
}

const opTypes = (graph: StaticGraph): readonly string[] => graph.nodes.map(({ opType }) => opType);

it('adds up rows by a product, to the same sums', async () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(shapes, fc.nat(2), fc.boolean(), fc.boolean(), async (shape, more, keep, negative) => {
      const lead = 1 + (more % (shape.length - 1));
      const axes = Array.from({ length: lead }, (_, axis) => (negative ? axis - shape.length : axis));
      const graph = sums(shape, axes, keep);
      expect(opTypes(withColumnSums(graph))).not.toContain('ReduceSum');
      expect(opTypes(withColumnSums(graph))).toContain('MatMul');
      await expectSameValues(graph);
    }),
    { numRuns: 60, seed: 1 },
  );
});

it.each([
  { says: 'the last axis', shape: [3, 4], axes: [1] },
  { says: 'an axis between', shape: [2, 3, 4], axes: [0, 2] },
  { says: 'all axes', shape: [3, 4], axes: [0, 1] },
])('leaves sums over $says as they are', ({ shape, axes }) => {
  const graph = sums(shape, axes, true);
  expect(withColumnSums(graph).nodes).toEqual(graph.nodes);
});
