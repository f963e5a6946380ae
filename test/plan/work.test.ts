import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, type StaticGraph } from '../../src/graph/graph.ts';
import { executionOrder, peakLiveBytes } from '../../src/lowering/live-memory.ts';
import { graphWork } from '../../src/plan/work.ts';
import { specialize } from '../../src/specialize/specialize.ts';

const float = (name: string, shape: readonly number[]) => ({ name, dtype: 'float32', shape }) as const;

/** x → a → b → c, and a read once more at the end. */
function diamond(): StaticGraph {
  const builder = new GraphBuilder();
  builder.input(float('x', [100]));
  builder.op('Exp', ['x'], {}, 'a');
  builder.op('Neg', ['a'], {}, 'b');
  builder.op('Abs', ['b'], {}, 'c');
  builder.op('Add', ['a', 'c'], {}, 'y');
  const graph = builder.build('diamond', [float('y', [100])]);
  return specialize(graph, { dims: {}, variables: new Set() });
}

test('products count two operations a multiplication, elements are those written or read', () => {
  const builder = new GraphBuilder();
  builder.input(float('x', [64, 256]));
  builder.input(float('w', [512, 256]));
  builder.op('Gemm', ['x', 'w'], { transB: int(1) }, 'h');
  builder.op('Gemm', ['h', 'h'], { transA: int(1) }, 'square');
  builder.op('Erf', ['h'], {}, 'erf');
  builder.op('ReduceSum', ['erf', builder.ints([0])], {}, 'sum');
  const graph = specialize(builder.build('g', [float('square', [512, 512]), float('sum', [1, 512])]), {
    dims: {},
    variables: new Set(),
  });
  expect(graphWork(graph)).toMatchObject({
    product: 2 * 64 * 256 * 512 + 2 * 64 * 512 * 512,
    smallProduct: 0,
    transcendental: 64 * 512,
    reduction: 64 * 512,
    node: 4,
  });
});

test('each matrix of a stack is a product of its own', () => {
  const builder = new GraphBuilder();
  builder.input(float('q', [4, 12, 32, 16]));
  builder.input(float('k', [4, 12, 16, 32]));
  builder.op('MatMul', ['q', 'k'], {}, 's');
  const graph = builder.build('g', [float('s', [4, 12, 32, 32])]);
  const work = graphWork(specialize(graph, { dims: {}, variables: new Set() }));
  expect([work.smallProduct, work.product]).toEqual([2 * 4 * 12 * 32 * 32 * 16, 0]);
});

test('numbers out of rows are picked, whole rows are moved, and turning a matrix is neither', () => {
  const builder = new GraphBuilder();
  builder.input(float('x', [8, 6]));
  builder.op('Gather', ['x', builder.ints([1, 3])], { axis: int(0) }, 'rows');
  builder.op('Gather', ['x', builder.ints([1, 3, 5])], { axis: int(-1) }, 'numbers');
  builder.op('Transpose', ['x'], {}, 'turned');
  const outputs = [float('rows', [2, 6]), float('numbers', [8, 3]), float('turned', [6, 8])];
  const graph = specialize(builder.build('g', outputs), { dims: {}, variables: new Set() });
  expect(graphWork(graph)).toMatchObject({ movement: 12, pick: 24, transpose: 48, node: 3 });
});

test('a value lives from its maker to its last reader', () => {
  // a lives to the end; b and c are alive together while c is made.
  expect(peakLiveBytes(diamond())).toBe(3 * 100 * 4);
});

test('nodes run after what they read, each once', () => {
  const graph = diamond();
  const order = executionOrder({ nodes: graph.nodes.toReversed() });
  expect(order.map(({ outputs }) => outputs[0])).toEqual(['a', 'b', 'c', 'y']);
});
