import { intAttribute } from '../graph/attributes.ts';
import type { Graph } from '../graph/graph.ts';

/**
 * The tables of which a graph does nothing but look up rows, in one place and by numbers that it is fed: embeddings of
 * tokens. By name, with the graph input that takes the row numbers.
 *
 * Of such a table a batch's gradient is zero but in the rows that it read: they are known without the graph.
 */
export function gatheredTables(graph: Graph): ReadonlyMap<string, string> {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const tables = new Map<string, string>();
  const readElsewhere = new Set(graph.outputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const [table = '', numbers = ''] = node.inputs;
    const looksUp =
      node.opType === 'Gather' &&
      intAttribute(node, 'axis', 0) === 0 &&
      inputs.has(numbers) &&
      !tables.has(table);
    if (looksUp) tables.set(table, numbers);
    else for (const value of node.inputs) readElsewhere.add(value);
  }
  return new Map([...tables].filter(([table]) => inputs.has(table) && !readElsewhere.has(table)));
}
