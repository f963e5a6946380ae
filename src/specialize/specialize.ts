import { GspfError } from '../errors.ts';
import { describeNode, type Graph, type Node, type StaticGraph, type ValueInfo } from '../graph/graph.ts';
import { presentInputs, prune } from '../graph/topology.ts';
import { shapeSlice } from '../ops/constants.ts';
import { fromNumeric, toNumeric } from '../ops/numeric.ts';
import { definitionOf } from '../ops/table.ts';
import { int64, sizeOf, type Tensor, type TensorType } from '../tensor.ts';

export interface SpecializeOptions {
  /** An extent for each named dimension. */
  readonly dims: Readonly<Record<string, number>>;
  /** Initializers that must stay symbolic because their values will change: the weights. */
  readonly variables: ReadonlySet<string>;
}

/** Results larger than this many elements are computed when the graph runs instead of being stored in it. */
const FOLD_LIMIT = 1 << 16;

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

  const nodes = graph.nodes.filter((node) => !scope.add(node));
  const outputs = graph.outputs.map(({ name }) => ({ name, ...scope.type(name) }));
  const specialized = prune({ ...graph, inputs, outputs, initializers: scope.initializers, nodes });
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

/**
 * What is known of the values of a graph under construction: their types, and the constants among them.
 *
 * Shared by `specialize` and by the builder of the backward graph, so that both infer and fold alike.
 */
export class Scope {
  readonly types: Map<string, TensorType>;
  readonly initializers: Map<string, Tensor>;
  readonly #variables: ReadonlySet<string>;

  constructor(variables: ReadonlySet<string>, start?: StaticGraph) {
    this.#variables = variables;
    this.types = new Map(start?.types);
    this.initializers = new Map(start?.initializers);
  }

  /** Adds an initializer. */
  define(name: string, tensor: Tensor): void {
    this.initializers.set(name, tensor);
    this.types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
  }

  /** The type of a value. @throws `graph/invalid` for a name that nothing makes. */
  type(name: string): TensorType {
    const type = this.types.get(name);
    if (type !== undefined) return { dtype: type.dtype, shape: type.shape };
    throw new GspfError('graph/invalid', { subject: `value "${name}"`, expected: 'a maker', got: 'none' });
  }

  /** The value of `name` where it is known at compile time. */
  constant(name: string): Tensor | undefined {
    return this.#variables.has(name) ? undefined : this.initializers.get(name);
  }

  /** Infers a node's types; true where its outputs could be computed now, so that the node is not needed. */
  add(node: Node): boolean {
    const { infer, evaluate } = definitionOf(node);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.type(name)));
    if (node.opType === 'Shape') {
      const shape = shapeSlice(node, inputs[0]?.shape ?? []);
      this.define(node.outputs[0] ?? '', int64([shape.length], shape));
      return true;
    }
    const constants = node.inputs.map((name) => (name === '' ? undefined : this.constant(name)));
    const types = infer({ node, inputs, constants });
    node.outputs.forEach((output, i) => {
      const type = types[i];
      if (output === '') return;
      if (type === undefined) {
        throw new GspfError('graph/invalid', {
          subject: describeNode(node),
          expected: `at most ${types.length} outputs`,
          got: `${node.outputs.length}`,
        });
      }
      this.types.set(output, { dtype: type.dtype, shape: type.shape });
    });

    const known = presentInputs(node).every((name) => this.constant(name) !== undefined);
    const small = types.every((type, i) => node.outputs[i] === undefined || sizeOf(type.shape) <= FOLD_LIMIT);
    if (!known || !small) return false;
    const arrays = constants.map((tensor) => tensor && toNumeric(tensor));
    const results = evaluate({ node, inputs: arrays });
    node.outputs.forEach((output, i) => {
      const result = results[i];
      if (output !== '' && result !== undefined) this.define(output, fromNumeric(result));
    });
    return true;
  }
}
