import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, type StaticGraph } from '../../src/graph/graph.ts';
import { withPickedNumbers } from '../../src/lowering/picked-numbers.ts';
import { int64, type Shape } from '../../src/tensor.ts';
import { expectSameValues, specialized } from './same-values.ts';

interface Case {
  readonly shape: Shape;
  readonly axis: number;
  readonly positions: readonly number[];
  readonly type: 'int32' | 'int64';
}

/** Two Gathers by the same positions, of a value and of its negative. */
function picked({ shape, axis, positions, type }: Case): StaticGraph {
  const builder = new GraphBuilder();
  const x = builder.input({ name: 'x', dtype: 'float32', shape });
  const data = Int32Array.from(positions);
  const indices = { dtype: 'int32', shape: [data.length], data } as const;
  builder.initializer('positions', type === 'int32' ? indices : int64([data.length], positions));
  const attributes = { axis: int(axis) };
  builder.op('Gather', [x, 'positions'], attributes, 'y');
  builder.op('Gather', [builder.op('Neg', [x]), 'positions'], attributes, 'z');
  const at = axis < 0 ? axis + shape.length : axis;
  const result = shape.map((extent, i) => (i === at ? positions.length : extent));
  return specialized(
    builder,
    ['y', 'z'].map((name) => ({ name, shape: result })),
  );
}

const operators = (graph: StaticGraph): readonly string[] => graph.nodes.map(({ opType }) => opType);

it('picks numbers of the last axis by GatherElements, in any order and more than once', async () => {
  const cases = fc
    .record({
      shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      fromEnd: fc.boolean(),
      draws: fc.array(fc.nat(), { minLength: 1, maxLength: 8 }),
      type: fc.constantFrom('int32' as const, 'int64' as const),
    })
    .map(({ shape, fromEnd, draws, type }) => ({
      shape,
      axis: fromEnd ? -1 : shape.length - 1,
      positions: draws.map((draw) => draw % (shape.at(-1) ?? 1)),
      type,
    }));
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      const graph = picked(given);
      expect(operators(withPickedNumbers(graph))).toEqual(['GatherElements', 'Neg', 'GatherElements']);
      await expectSameValues(graph);
    }),
    { numRuns: 40, seed: 1 },
  );
});

it('counts positions from the end where they are negative, as Gather does', async () => {
  await expectSameValues(picked({ shape: [3, 4], axis: 1, positions: [-1, 0, -4], type: 'int64' }));
});

it('leaves a Gather of whole rows as it is', async () => {
  const graph = picked({ shape: [4, 3], axis: 0, positions: [2, 0], type: 'int32' });
  expect(withPickedNumbers(graph).nodes).toEqual(graph.nodes);
  await expectSameValues(graph);
});

it('leaves positions that are no constant as they are', async () => {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: [2, 3] });
  builder.input({ name: 'w', dtype: 'float32', shape: [2] });
  const positions = builder.op('Cast', [builder.op('Abs', ['w'])], { to: int(7) });
  builder.op('Gather', ['x', positions], { axis: int(1) }, 'y');
  const graph = specialized(builder, [{ name: 'y', shape: [2, 2] }]);
  expect(withPickedNumbers(graph).nodes).toEqual(graph.nodes);
  await expectSameValues(graph);
});
