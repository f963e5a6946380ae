import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float, type StaticGraph } from '../../src/graph/graph.ts';
import { withScaledProducts } from '../../src/lowering/scaled-products.ts';
import { float32, type Shape } from '../../src/tensor.ts';
import { expectSameValues, specialized } from './same-values.ts';

interface Case {
  readonly alpha: number;
  readonly beta: number;
  readonly bias: boolean;
  /** Of the factor 0.25. */
  readonly shape: Shape;
  readonly isFirst: boolean;
  /** Whether the product is an output too. */
  readonly isRead: boolean;
}

function scaled({ alpha, beta, bias, shape, isFirst, isRead }: Case): StaticGraph {
  const builder = new GraphBuilder();
  const input = (name: string, extents: Shape): string =>
    builder.input({ name, dtype: 'float32', shape: extents });
  const operands = [input('a', [3, 4]), input('b', [4, 5]), ...(bias ? [input('c', [5])] : [])];
  const product = builder.op('Gemm', operands, { alpha: float(alpha), beta: float(beta) }, 'product');
  builder.initializer('factor', float32(shape, [0.25]));
  const y = builder.op('Mul', isFirst ? ['factor', product] : [product, 'factor'], {}, 'y');
  builder.op('Add', [y, y], {}, 'z');
  const outputs = isRead ? ['z', 'product'] : ['z'];
  const rank = Math.max(2, shape.length);
  return specialized(
    builder,
    outputs.map((name) => ({ name, shape: name === 'z' && rank === 3 ? [1, 3, 5] : [3, 5] })),
  );
}

const multiplies = (graph: StaticGraph): boolean => graph.nodes.some(({ opType }) => opType === 'Mul');

it('scales within the product, to the same values', async () => {
  const cases = fc.record({
    alpha: fc.constantFrom(1, -2),
    beta: fc.constantFrom(1, 0.5),
    bias: fc.boolean(),
    shape: fc.constantFrom<Shape>([], [1], [1, 1]),
    isFirst: fc.boolean(),
    isRead: fc.constant(false),
  });
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const graph = scaled(given);
      expect(multiplies(graph)).toBe(true);
      expect(multiplies(withScaledProducts(graph))).toBe(false);
      await expectSameValues(graph);
    }),
    { numRuns: 40, seed: 1 },
  );
});

const plain: Case = { alpha: 1, beta: 1, bias: true, shape: [], isFirst: false, isRead: false };

it.each([
  { says: 'that is an output itself', given: { ...plain, isRead: true } },
  { says: 'whose scaled values have another shape', given: { ...plain, shape: [1, 1, 1] } },
])('leaves a product $says as it is', async ({ given }) => {
  const graph = scaled(given);
  expect(withScaledProducts(graph).nodes).toEqual(graph.nodes);
  await expectSameValues(graph);
});
