import { GspfError } from '../errors.ts';
import { describeNode, type Node, type StaticGraph } from '../graph/graph.ts';
import { presentInputs } from '../graph/topology.ts';
import { fromShape } from '../ops/constants.ts';
import { fromNumeric, toNumeric } from '../ops/numeric.ts';
import { definitionOf } from '../ops/table.ts';
import { sizeOf, type Tensor, type TensorType } from '../tensor.ts';

/** Results larger than this many elements are computed when the graph runs instead of being stored in it. */
const FOLD_LIMIT = 1 << 16;

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
    const fixed = fromShape(node, inputs[0]?.shape ?? []);
    if (fixed !== undefined) {
      this.define(node.outputs[0] ?? '', fixed);
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
      requireExtents(node, type.shape);
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

/** A shape that a damaged or hostile file asks for must not be reserved, nor computed with. */
function requireExtents(node: Node, shape: readonly number[]): void {
  const isSound = shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
  if (isSound && Number.isSafeInteger(sizeOf(shape))) return;
  throw new GspfError('graph/shape', {
    subject: describeNode(node),
    expected: 'an output whose extents are whole numbers from 0 up',
    got: `[${shape.join(', ')}]`,
    hint: 'The file is damaged, or computes a shape of other inputs than these.',
  });
}
