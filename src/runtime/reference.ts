import type { StaticGraph } from '../graph/graph.ts';
import type { NumericArray } from '../ops/definition.ts';
import { fromNumeric, toNumeric } from '../ops/numeric.ts';
import { definitionOf } from '../ops/table.ts';
import { bytesOf } from '../tensor.ts';
import type { Backend, Executable } from './backend.ts';
import { feedsFor, resultsFor } from './feeds.ts';

/**
 * Every value of a graph in double precision, by running the operators' reference kernels one after another.
 *
 * Slow and plain: it is what the gradients of other backends are measured against.
 */
export function evaluateGraph(
  graph: StaticGraph,
  feeds: ReadonlyMap<string, NumericArray>,
): ReadonlyMap<string, NumericArray> {
  const values = new Map(feeds);
  for (const [name, tensor] of graph.initializers) {
    if (!values.has(name)) values.set(name, toNumeric(tensor));
  }
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : values.get(name)));
    const results = definitionOf(node).evaluate({ node, inputs });
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (name !== '' && result !== undefined) values.set(name, result);
    });
  }
  return values;
}

/** The reference evaluator as a backend: results are rounded to their element types at the end only. */
export const referenceBackend: Backend = {
  name: 'reference evaluator (float64)',
  compile: async (graph): Promise<Executable> => ({
    run: async (feeds, results) => {
      const wanted = resultsFor(graph.outputs, results);
      const given = feedsFor(graph.inputs, feeds).map(([name, tensor]) => [name, toNumeric(tensor)] as const);
      const values = evaluateGraph(graph, new Map(given));
      for (const [name, tensor] of wanted) {
        const value = values.get(name);
        if (value !== undefined) bytesOf(tensor).set(bytesOf(fromNumeric(value)));
      }
    },
    release: async () => {},
  }),
};
