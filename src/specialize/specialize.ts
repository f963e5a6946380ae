import { GspfError } from '../errors.ts';
import type { Graph, StaticGraph, ValueInfo } from '../graph/graph.ts';
import { prune } from '../graph/topology.ts';
import { rewriteOf } from '../ops/rewrites.ts';
import type { TensorType } from '../tensor.ts';
import { writeExpanded } from './expand.ts';
import { GraphWriter } from './graph-writer.ts';
import { Scope } from './scope.ts';

/** Extents for the named dimensions, and what is not to be computed away. */
export interface SpecializeOptions {
  /** An extent for each named dimension. */
  readonly dims: Readonly<Record<string, number>>;
  /** Initializers that must stay symbolic because their values will change: the weights. */
  readonly variables: ReadonlySet<string>;
}

/**
 * The graph with every extent a number, every type inferred, and whatever does not depend on inputs or weights
 * computed now: shape arithmetic leaves no trace.
 *
 * @throws `graph/shape` for an extent without a binding, or a shape that depends on the data.
 */
export function specialize(graph: Graph, { dims, variables }: SpecializeOptions): StaticGraph {
  const inputs = graph.inputs.map((input) => bind(input, dims));
  const scope = new Scope(variables);
  for (const input of inputs) scope.types.set(input.name, input);
  for (const [name, tensor] of graph.initializers) scope.define(name, tensor);

  const writer = new GraphWriter(scope, 'specialized');
  const names = graph.outputs.map(({ name }) => name);
  writeExpanded(writer, graph.nodes, names, rewriteOf);
  const outputs = names.map((name) => ({ name, ...scope.type(name) }));
  const { initializers } = scope;
  const specialized = prune({ ...graph, inputs, outputs, initializers, nodes: writer.nodes });
  return { ...specialized, types: scope.types };
}

/**
 * The extent of each named dimension, from the shapes of the tensors about to be fed.
 *
 * @throws `graph/shape` where a tensor does not fit its input or two disagree on a name.
 */
export function bindDimensions(
  graph: Graph,
  feeds: ReadonlyMap<string, TensorType>,
): Readonly<Record<string, number>> {
  const dims: Record<string, number> = {};
  for (const { name, shape } of graph.inputs) {
    const given = feeds.get(name)?.shape;
    const fits =
      given?.length === shape.length &&
      shape.every((dim, axis) => {
        const extent = given[axis] ?? 0;
        if (typeof dim === 'string') dims[dim] ??= extent;
        return extent === (typeof dim === 'string' ? dims[dim] : dim);
      });
    if (fits) continue;
    throw new GspfError('graph/shape', {
      subject: `input "${name}"`,
      expected: `a tensor of shape [${shape.map((dim) => (typeof dim === 'string' ? `${dim}=${dims[dim] ?? '?'}` : dim)).join(', ')}]`,
      got: given === undefined ? 'none' : `[${given.join(', ')}]`,
    });
  }
  return dims;
}

function bind(input: ValueInfo, dims: Readonly<Record<string, number>>): TensorType & { name: string } {
  const shape = input.shape.map((dim) => {
    const extent = typeof dim === 'number' ? dim : dims[dim];
    if (extent !== undefined) return extent;
    throw new GspfError('graph/shape', {
      subject: `input "${input.name}"`,
      expected: `a number for its dimension "${dim}"`,
      got: `only ${Object.keys(dims).join(', ') || 'none'}`,
    });
  });
  return { name: input.name, dtype: input.dtype, shape };
}
