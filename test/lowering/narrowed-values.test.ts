import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, ints, type StaticGraph } from '../../src/graph/graph.ts';
import { withNarrowedValues } from '../../src/lowering/narrowed-values.ts';
import { int64, type Shape } from '../../src/tensor.ts';
import { expectSameValues, specialized } from './same-values.ts';

/** Extents of a product that is large enough to be worth gathering its operands. */
const [ROWS, INNER, COLUMNS] = [256, 40, 160];

/** What stands between a product and what is taken of it, and how the axis of columns comes out of that. */
const ways = {
  nothing: (_: GraphBuilder, x: string) => ({ y: x, axis: 1 }),
  activation: (b: GraphBuilder, x: string) => ({ y: b.op('Mul', [b.op('Gelu', [x]), x]), axis: 1 }),
  'row and column': (b: GraphBuilder, x: string) => ({
    y: b.op('Sub', [b.op('Add', [x, row(b)]), column(b)]),
    axis: 1,
  }),
  transposed: (b: GraphBuilder, x: string) => ({
    y: b.op('Transpose', [x], { perm: ints([1, 0]) }),
    axis: 0,
  }),
  sum: (b: GraphBuilder, x: string) => ({
    y: b.op('ReduceSum', [x, b.ints([0])], { keepdims: int(0) }),
    axis: 0,
  }),
  'sum as a row': (b: GraphBuilder, x: string) => ({
    y: b.op('Reshape', [b.op('ReduceSum', [x, b.ints([0])]), b.ints([COLUMNS])]),
    axis: 0,
  }),
} satisfies Record<string, (b: GraphBuilder, x: string) => { readonly y: string; readonly axis: number }>;

type Way = keyof typeof ways;

const row = (b: GraphBuilder): string => b.input({ name: 'row', dtype: 'float32', shape: [COLUMNS] });
const column = (b: GraphBuilder): string => b.input({ name: 'column', dtype: 'float32', shape: [ROWS, 1] });

/** A product, in one of its forms, and for each of `taken` some of its columns or of what follows from them. */
function graphOf(
  product: 'Gemm' | 'Gemm, transposed' | 'MatMul',
  taken: readonly { readonly way: Way; readonly positions: readonly number[] }[],
  isRead = false,
): StaticGraph {
  const builder = new GraphBuilder();
  const input = (name: string, shape: Shape): string => builder.input({ name, dtype: 'float32', shape });
  const a = input('a', [ROWS, INNER]);
  const x =
    product === 'MatMul'
      ? builder.op('MatMul', [a, input('b', [INNER, COLUMNS])])
      : product === 'Gemm'
        ? builder.op('Gemm', [a, input('b', [INNER, COLUMNS]), input('c', [COLUMNS])])
        : builder.op('Gemm', [a, input('b', [COLUMNS, INNER]), input('c', [1])], { transB: int(1) });
  const outputs = taken.map(({ way, positions }, i) => {
    const { y, axis } = ways[way](builder, x);
    const name = `taken ${i}`;
    builder.initializer(`positions ${i}`, int64([positions.length], positions));
    builder.op('Gather', [y, `positions ${i}`], { axis: int(axis) }, name);
    const isSum = way.startsWith('sum');
    const shape = isSum
      ? [positions.length]
      : axis === 0
        ? [positions.length, ROWS]
        : [ROWS, positions.length];
    return { name, shape };
  });
  if (isRead) builder.op('Neg', [x], {}, 'whole');
  return specialized(builder, [...outputs, ...(isRead ? [{ name: 'whole', shape: [ROWS, COLUMNS] }] : [])]);
}

/** The columns of a graph's product. */
function columnsOf({ nodes, types }: StaticGraph): number | undefined {
  const product = nodes.find(({ opType }) => opType === 'Gemm' || opType === 'MatMul');
  return types.get(product?.outputs[0] ?? '')?.shape[1];
}

const positions = fc.array(fc.nat(COLUMNS - 1), { minLength: 1, maxLength: 9 });

it.each(['Gemm', 'Gemm, transposed', 'MatMul'] as const)(
  'computes the wanted columns of a %s alone',
  async (product) => {
    const way = fc.constantFrom<Way>('nothing', 'activation', 'transposed', 'sum', 'sum as a row');
    const taken = fc.array(fc.record({ way, positions }), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(taken, async (wanted) => {
        const graph = graphOf(product, wanted);
        expect(columnsOf(graph)).toBe(COLUMNS);
        expect(columnsOf(withNarrowedValues(graph))).toBe(
          new Set(wanted.flatMap((each) => each.positions)).size,
        );
        await expectSameValues(graph, INNER);
      }),
      { numRuns: 25, seed: 1 },
    );
  },
);

it('takes the columns of what is added and broadcast as well', async () => {
  const graph = graphOf('Gemm', [{ way: 'row and column', positions: [7, 3, 3] }]);
  expect(columnsOf(withNarrowedValues(graph))).toBe(2);
  await expectSameValues(graph, INNER);
});

it.each([
  {
    says: 'something reads the whole of it',
    graph: graphOf('Gemm', [{ way: 'nothing', positions: [1] }], true),
  },
  {
    says: 'what is left takes as long to gather',
    graph: graphOf('Gemm', [{ way: 'nothing', positions: Array.from({ length: 150 }, (_, i) => i) }]),
  },
])('leaves a product where $says', ({ graph }) => {
  expect(withNarrowedValues(graph)).toBe(graph);
});

it.each([
  [60, COLUMNS],
  [10, 10],
])('with %i of 160 columns wanted of a product in 8 bits, computes %i', (wanted, computed) => {
  const graph = graphOf('Gemm', [{ way: 'nothing', positions: Array.from({ length: wanted }, (_, i) => i) }]);
  expect(columnsOf(withNarrowedValues(graph))).toBe(wanted);
  expect(columnsOf(withNarrowedValues(graph, ({ opType }) => opType === 'Gemm'))).toBe(computed);
});
