import type { StaticGraph, ValueInfo } from '../graph/graph.ts';

/** The graph input of a part's share in its batch's mean loss: a float32 scalar. */
export const SHARE = 'share';

/** The graph input of what an output has come to so far. */
export const soFarName = (output: string): string => `so_far/${output}`;

/** The same graph with its scalar output `loss` multiplied by the input {@link SHARE}. */
export function withShare(graph: StaticGraph, loss: string): StaticGraph {
  const type = graph.types.get(loss);
  if (type === undefined) return graph;
  const whole = `${loss}/whole`;
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === loss ? whole : name)),
    outputs: node.outputs.map((name) => (name === loss ? whole : name)),
  }));
  const multiply = {
    name: `${SHARE}/${loss}`,
    opType: 'Mul',
    inputs: [whole, SHARE],
    outputs: [loss],
    attributes: {},
  };
  return {
    ...graph,
    inputs: [...graph.inputs, { name: SHARE, dtype: type.dtype, shape: [] }],
    nodes: [...nodes, multiply],
    types: new Map([...graph.types, [whole, type], [SHARE, { dtype: type.dtype, shape: [] }]]),
  };
}

/**
 * The same graph with each of some outputs added to what it came to so far, an input of its type.
 *
 * Input and output may be the same memory: one Add reads an element, and then writes it.
 */
export function accumulating(graph: StaticGraph, names: ReadonlySet<string>): StaticGraph {
  const added = graph.outputs.filter(({ name }) => names.has(name));
  const part = (name: string): string => (names.has(name) ? `${name}/part` : name);
  const types = new Map([...graph.types].map(([name, type]) => [part(name), type]));
  const inputs = added.map(({ name, ...type }): ValueInfo => ({ name: soFarName(name), ...type }));
  for (const { name, dtype, shape } of [...added, ...inputs]) {
    types.set(name, { dtype, shape: shape.map(Number) });
  }
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(part),
    outputs: node.outputs.map(part),
  }));
  const sums = added.map(({ name }) => ({
    name: soFarName(name),
    opType: 'Add',
    inputs: [soFarName(name), part(name)],
    outputs: [name],
    attributes: {},
  }));
  return { ...graph, inputs: [...graph.inputs, ...inputs], nodes: [...nodes, ...sums], types };
}
