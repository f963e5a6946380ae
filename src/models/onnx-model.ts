import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../tensor.ts';

/** A graph with some of its inputs replaced by initializers of their names: a model that needs no weights fed. */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Tensor>): Graph {
  const wanted = new Set(graph.inputs.map(({ name }) => name));
  const used = [...weights].filter(([name]) => wanted.has(name));
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !weights.has(name)),
    initializers: new Map([...graph.initializers, ...used]),
  };
}
