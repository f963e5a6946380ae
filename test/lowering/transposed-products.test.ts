import fc from 'fast-check';
import { expect, it } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { intsAttribute } from '../../src/graph/attributes.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, ints, type StaticGraph } from '../../src/graph/graph.ts';
import { withTransposedProducts } from '../../src/lowering/transposed-products.ts';
import { expectSameValues, specialized } from './same-values.ts';

const SIDE = 3;
const shape = [SIDE, SIDE, SIDE, SIDE];
const perm = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });

const staticGraph = (builder: GraphBuilder, outputs: readonly string[]): StaticGraph =>
  specialized(
    builder,
    outputs.map((name) => ({ name, shape })),
  );

const movesColumns = (graph: StaticGraph): number =>
  graph.nodes.filter((node) => {
    const order = node.opType === 'Transpose' ? intsAttribute(node, 'perm') : undefined;
    return order !== undefined && order.at(-1) !== order.length - 1;
  }).length;

it('computes the same whatever the orders of axes before and after a product, and who else reads it', async () => {
  await fc.assert(
    fc.asyncProperty(perm, perm, perm, perm, fc.boolean(), async (first, second, right, after, isRead) => {
      const builder = new GraphBuilder();
      const transpose = (x: string, order: readonly number[], name?: string): string =>
        builder.op('Transpose', [x], { perm: ints(order) }, name);
      const a = builder.input({ name: 'a', dtype: 'float32', shape });
      const b = builder.input({ name: 'b', dtype: 'float32', shape });
      const product = builder.op(
        'MatMul',
        [transpose(transpose(a, first), second), transpose(b, right)],
        {},
        'y',
      );
      transpose(product, after, 'z');
      // What comes of a product enters another.
      builder.op('MatMul', [transpose('z', second), transpose('z', first)], {}, 'last');
      await expectSameValues(staticGraph(builder, isRead ? ['y', 'z', 'last'] : ['last']));
    }),
    { numRuns: 60, seed: 1 },
  );
});

it('leaves no transposition of the innermost axis in attention and its gradients, and their values as they are', async () => {
  const builder = new GraphBuilder();
  const [batch, positions, heads, size] = [2, 5, 3, 4];
  const input = (name: string): string =>
    builder.input({ name, dtype: 'float32', shape: [batch, positions, heads, size] });
  const split = (x: string, order: readonly number[]): string =>
    builder.op('Transpose', [x], { perm: ints(order) });
  const [q, k, v] = [
    split(input('q'), [0, 2, 1, 3]),
    split(input('k'), [0, 2, 3, 1]),
    split(input('v'), [0, 2, 1, 3]),
  ];
  const context = builder.op('MatMul', [builder.op('Softmax', [builder.op('MatMul', [q, k])]), v]);
  const joined = split(context, [0, 2, 1, 3]);
  builder.op('ReduceSum', [builder.op('Mul', [joined, joined])], { keepdims: int(0) }, 'loss');
  const forward = specialized(builder, [{ name: 'loss', shape: [] }]);
  const graph = differentiate(forward, { loss: 'loss', wrt: ['q', 'k', 'v'], elements: new Map() });
  expect(movesColumns(graph)).toBeGreaterThan(3);
  expect(movesColumns(withTransposedProducts(graph))).toBe(0);
  await expectSameValues(graph);
});
