import type { Graph, Node } from '../graph/graph.ts';
import { withBodies } from '../graph/topology.ts';
import type { Tensor } from '../tensor.ts';
import { gradientFlow, passes } from './gradient-flow.ts';

/**
 * The same graph with copies of its initializers where no gradient goes through them: scales of a Resize, factors of a
 * shape. A copy has a name of its own, so that it can be computed with while the initializer itself is an input.
 *
 * Only numbers and lists of them are copied: what decides a shape is one of these.
 */
export function withFixedUses(graph: Graph): Graph {
  const { reached } = gradientFlow(graph);
  const taken = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const { outputs } of graph.nodes) for (const name of outputs) taken.add(name);
  const names = new Map<string, string>();
  const copies = new Map<string, Tensor>();
  const fixed = (name: string): string => {
    const tensor = graph.initializers.get(name);
    if (tensor === undefined || tensor.shape.length > 1) return name;
    const known = names.get(name);
    if (known !== undefined) return known;
    let copy = `${name}/fixed`;
    while (taken.has(copy)) copy = `${copy}/fixed`;
    names.set(name, copy);
    copies.set(copy, tensor);
    return copy;
  };
  const read = (node: Node): Node => {
    const wanted = node.outputs.some((output) => reached.has(output));
    const inputs = node.inputs.map((name, i) => (wanted && passes(node, i) ? name : fixed(name)));
    return withBodies({ ...node, inputs }, read);
  };
  const nodes = graph.nodes.map(read);
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...copies]) };
}
