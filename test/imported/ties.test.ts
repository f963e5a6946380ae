import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { importGraph, tieWeights } from '../../src/imported/import.ts';
import { copiesOf, findTies } from '../../src/imported/ties.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Tensor } from '../../src/tensor.ts';

const matrix = (rows: number, columns: number, of: (row: number, column: number) => number) =>
  float32(
    [rows, columns],
    Array.from({ length: rows * columns }, (_, i) => of(Math.floor(i / columns), i % columns)),
  );
const value = (row: number, column: number): number => Math.fround(Math.sin(7 * row + column));

test('equal and transposed copies are found, whatever their size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 2, max: 9 }), (rows, columns) => {
      const weights = new Map<string, Tensor<'float32'>>([
        ['a', matrix(rows, columns, value)],
        ['other', matrix(rows, columns, (row, column) => value(row, column) + 1)],
        ['turned', matrix(columns, rows, (row, column) => value(column, row))],
        ['copy', matrix(rows, columns, value)],
      ]);
      expect(findTies(weights)).toEqual([
        { name: 'turned', of: 'a', transposed: true },
        { name: 'copy', of: 'a', transposed: false },
      ]);
    }),
  );
});

test('copies made from the weights are those that were found', () => {
  const weights = new Map([
    ['a', matrix(3, 5, value)],
    ['turned', matrix(5, 3, (row, column) => value(column, row))],
    ['copy', matrix(3, 5, value)],
  ]);
  const copies = copiesOf(findTies(weights), new Map([...weights].slice(0, 1)));
  expect(copies).toEqual(new Map([...weights].slice(1)));
});

test('equality proves nothing of gains that are all 1, of biases that are all 0, of reordered values', () => {
  const ones = float32([8], new Float32Array(8).fill(1));
  const weights = new Map([
    ['a.weight', ones],
    ['b.weight', ones],
    ['c', matrix(2, 4, value)],
    ['d', matrix(2, 4, (row, column) => value(row, 3 - column))],
  ]);
  expect(findTies(weights)).toEqual([]);
});

test('a tied graph computes the same from one copy', async () => {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: [1, 3] });
  builder.initializer('embedding', matrix(5, 3, value));
  builder.initializer(
    'head',
    matrix(3, 5, (row, column) => value(column, row)),
  );
  const hidden = builder.op('Add', ['x', builder.op('Gather', ['embedding', builder.ints([2])])]);
  builder.op('MatMul', [hidden, 'head'], {}, 'y');
  const graph = builder.build('tied', [{ name: 'y', dtype: 'float32', shape: [1, 5] }]);
  const imported = importGraph(graph);
  const tied = tieWeights(imported);
  expect([...imported.weights.keys()]).toEqual(['embedding', 'head']);
  expect([...tied.weights.keys()]).toEqual(['embedding']);
  const run = async (of: typeof graph): Promise<number[]> => {
    const y = float32([1, 5], new Float32Array(5));
    const executable = await referenceBackend.compile(specialize(of, { dims: {}, variables: new Set() }));
    await executable.run(new Map([['x', float32([1, 3], [1, 2, 3])]]), new Map([['y', y]]));
    return [...y.data];
  };
  expect(await run(tied.graph)).toEqual(await run(imported.graph));
});
