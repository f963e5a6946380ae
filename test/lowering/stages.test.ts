import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, StaticGraph } from '../../src/graph/graph.ts';
import { stagesOf } from '../../src/lowering/stages.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { Scratch, Stages } from '../../src/runtime/stages.ts';
import { float32, type Tensor, zeros } from '../../src/tensor.ts';

const INPUTS = ['a', 'b', 'c'];
const type = { dtype: 'float32', shape: [2, 2] } as const;
const operators = ['Add', 'Sub', 'Max', 'Transpose', 'Identity', 'Neg'] as const;

const nameOf = (step: number): string => `v${step}`;

/** Nodes over whole numbers, which rounding leaves alone, all of one shape, each reading what was made before; some of the values are outputs, in groups. */
const drawn = fc
  .array(fc.record({ operator: fc.constantFrom(...operators), x: fc.nat(), y: fc.nat() }), {
    minLength: 3,
    maxLength: 20,
  })
  .chain((steps) =>
    fc.record({
      steps: fc.constant(steps),
      // The group of each value that is an output; 0 stands for none.
      outputs: fc.dictionary(fc.nat(steps.length - 1).map(String), fc.nat(3), { minKeys: 1 }),
      changing: fc.dictionary(fc.constantFrom(...INPUTS), fc.nat(2)),
    }),
  )
  .map(({ steps, outputs, changing }) => {
    const names: string[] = [...INPUTS];
    const nodes = steps.map(({ operator, x, y }, i): Node => {
      const [left = '', right = ''] = [x, y].map((k) => names[k % names.length]);
      const isBinary = ['Add', 'Sub', 'Max'].includes(operator);
      const name = nameOf(i);
      names.push(name);
      return {
        name,
        opType: operator,
        inputs: isBinary ? [left, right] : [left],
        outputs: [name],
        attributes: {},
      };
    });
    const infos = (values: readonly string[]) => values.map((name) => ({ name, ...type }));
    const groupOf = Object.entries(outputs).map(([i, group]) => [nameOf(Number(i)), group] as const);
    const graph: StaticGraph = {
      name: 'drawn',
      inputs: infos(INPUTS),
      outputs: infos(groupOf.map(([name]) => name)),
      initializers: new Map(),
      nodes,
      types: new Map(names.map((name) => [name, type])),
    };
    const groups = [1, 2, 3].map((group) =>
      groupOf.filter((each) => each[1] === group).map(([name]) => name),
    );
    return { graph, groups, changing: new Map(Object.entries(changing)) };
  });

function feeds(): Map<string, Tensor<'float32'>> {
  return new Map(
    INPUTS.map((name, i) => [
      name,
      float32(
        [2, 2],
        [1, 2, 3, 4].map((n) => ((7 * n * (i + 1)) % 5) - 2),
      ),
    ]),
  );
}

function resultsOf({ outputs }: StaticGraph): Map<string, Tensor<'float32'>> {
  return new Map(outputs.map(({ name }) => [name, zeros('float32', [2, 2])]));
}

test('stages give what the whole does, group by group, whatever becomes of inputs meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(drawn, async ({ graph, groups, changing }) => {
      const wanted = resultsOf(graph);
      await (await referenceBackend.compile(graph)).run(feeds(), wanted);

      const results = resultsOf(graph);
      const given = feeds();
      const stages = await Stages.compile(referenceBackend, stagesOf(graph, groups, changing), new Scratch());
      const taken = new Map<string, readonly number[]>();
      await stages.run(given, results, async (stage) => {
        const isNow = (name: string): boolean =>
          (stage === 0 && !groups.flat().includes(name)) || (groups[stage] ?? []).includes(name);
        for (const [name, { data }] of results) if (isNow(name)) taken.set(name, Array.from(data));
        for (const [name, last] of changing) if (last === stage) given.get(name)?.data.fill(Number.NaN);
      });
      expect(taken).toEqual(new Map([...wanted].map(([name, { data }]) => [name, Array.from(data)])));
    }),
    { numRuns: 500 },
  );
});

test('what is only needed late is computed late, and another form of a value is not handed on', () => {
  const node = (opType: string, inputs: string[], output: string): Node => ({
    name: output,
    opType,
    inputs,
    outputs: [output],
    attributes: {},
  });
  const values = ['a', 'b', 'h', 'ht', 'early', 'late'];
  const graph: StaticGraph = {
    name: 'g',
    inputs: [
      { name: 'a', ...type },
      { name: 'b', ...type },
    ],
    outputs: [
      { name: 'early', ...type },
      { name: 'late', ...type },
    ],
    initializers: new Map(),
    nodes: [
      node('Neg', ['a'], 'h'),
      node('Transpose', ['h'], 'ht'),
      node('Add', ['ht', 'a'], 'early'),
      node('Mul', ['ht', 'b'], 'late'),
    ],
    types: new Map(values.map((name) => [name, type])),
  };
  const [first, second] = stagesOf(graph, [['early'], ['late']]);
  expect(first?.graph.nodes.map(({ name }) => name)).toEqual(['h', 'ht', 'early']);
  expect(first?.graph.outputs.map(({ name }) => name)).toEqual(['h', 'early']);
  expect(second?.graph.nodes.map(({ name }) => name)).toEqual(['ht', 'late']);
  expect(second?.graph.inputs.map(({ name }) => name)).toEqual(['b', 'h']);
});
