import { int, type Node, type StaticGraph } from '../graph/graph.ts';
import type { Emit, Operand, Value } from '../ops/definition.ts';
import { fromNumeric } from '../ops/numeric.ts';
import { Scope } from '../specialize/specialize.ts';
import { int64, type Shape, sizeOf, type Tensor } from '../tensor.ts';

/**
 * Adds nodes to a graph whose types are known: infers their types, computes now what is constant, and gives the
 * value that is already there when the same node is asked for twice, so that rules need not share their work.
 */
export class BackwardBuilder {
  readonly #scope: Scope;
  readonly #nodes: Node[];
  /** Where the node that makes a value is. */
  readonly #index = new Map<string, number>();
  readonly #emitted = new Map<string, Value>();
  readonly #prefix: string;
  #count = 0;

  constructor(graph: StaticGraph, variables: ReadonlySet<string>, prefix = 'backward') {
    this.#scope = new Scope(variables, graph);
    this.#nodes = [...graph.nodes];
    this.#nodes.forEach((node, at) => {
      for (const output of node.outputs) this.#index.set(output, at);
    });
    this.#prefix = prefix;
  }

  /** The value of that name. */
  value(name: string): Value {
    return { name, ...this.#scope.type(name) };
  }

  /** The tensor behind a value, where it is known at compile time. */
  readonly known = ({ name }: Value): Tensor | undefined => this.#scope.constant(name);

  /** Stores a tensor in the graph, equal small tensors once. */
  readonly constant = (tensor: Tensor): Value => {
    const small = sizeOf(tensor.shape) <= 64;
    const key = small ? `${tensor.dtype}[${tensor.shape}]=${tensor.data.join()}` : '';
    const existing = small ? this.#emitted.get(key) : undefined;
    if (existing !== undefined) return existing;
    const name = this.#fresh('const');
    this.#scope.define(name, tensor);
    const value = this.value(name);
    if (small) this.#emitted.set(key, value);
    return value;
  };

  /** Adds one node with one output. A number becomes a scalar of the other operands' element type. */
  readonly op: Emit = (opType, operands, attributes = {}) => {
    const dtype = operands.find((operand) => typeof operand === 'object' && operand.dtype !== 'bool');
    const scalarType = typeof dtype === 'object' ? dtype.dtype : 'float32';
    const inputs = operands.map((operand) => this.#operand(operand, scalarType));
    const key = `${opType}(${inputs})${JSON.stringify(attributes)}`;
    const existing = this.#emitted.get(key);
    if (existing !== undefined) return existing;
    const output = this.#fresh(opType);
    const node: Node = { name: output, opType, inputs, outputs: [output], attributes };
    if (!this.#scope.add(node)) {
      this.#index.set(output, this.#nodes.length);
      this.#nodes.push(node);
    }
    const value = this.value(output);
    this.#emitted.set(key, value);
    return value;
  };

  /** A value in another shape; itself where it has that shape. */
  readonly reshape = (value: Value, shape: Shape): Value => {
    const same = value.shape.length === shape.length && shape.every((n, axis) => n === value.shape[axis]);
    if (same) return value;
    // Without `allowzero` an extent 0 would mean the input's own.
    const attributes = shape.includes(0) ? { allowzero: int(1) } : {};
    return this.op('Reshape', [value, this.constant(int64([shape.length], shape))], attributes);
  };

  /** Output `i` of a forward node, which is made to compute it if it did not. */
  outputOf(node: Node, i: number): Value {
    const made = node.outputs.find((output) => output !== '') ?? '';
    const at = this.#index.get(made) ?? -1;
    const current = this.#nodes[at] ?? node;
    const existing = current.outputs[i];
    if (existing !== undefined && existing !== '') return this.value(existing);
    const name = `${made}/output_${i}`;
    const outputs = Array.from({ length: Math.max(i + 1, current.outputs.length) }, (_, k) =>
      k === i ? name : (current.outputs[k] ?? ''),
    );
    const extended: Node = { ...current, outputs };
    this.#scope.add(extended);
    this.#nodes[at] = extended;
    this.#index.set(name, at);
    return this.value(name);
  }

  /** The graph as it stands, with the given values as outputs under the given names. */
  finish(graph: StaticGraph, outputs: ReadonlyMap<string, Value>): StaticGraph {
    const renamed = new Map<string, string>();
    for (const [name, value] of outputs) {
      const emitted = value.name.startsWith(`${this.#prefix}/`) && this.#index.has(value.name);
      if (emitted && !renamed.has(value.name)) renamed.set(value.name, name);
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    const nodes = this.#nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const types = new Map([...this.#scope.types].map(([name, type]) => [rename(name), type]));
    for (const [name, value] of outputs) {
      types.set(name, { dtype: value.dtype, shape: value.shape });
      if (rename(value.name) === name || graph.types.has(name)) continue;
      // A value that is an output twice, or that the forward graph makes, reaches its second name by a copy.
      nodes.push({ name, opType: 'Identity', inputs: [rename(value.name)], outputs: [name], attributes: {} });
    }
    const infos = [...outputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
    return { ...graph, outputs: infos, nodes, initializers: this.#scope.initializers, types };
  }

  #operand(operand: Operand | undefined, dtype: Value['dtype']): string {
    if (operand === undefined) return '';
    if (typeof operand === 'object') return operand.name;
    return this.constant(fromNumeric({ dtype, shape: [], data: Float64Array.of(operand) })).name;
  }

  #fresh(label: string): string {
    return `${this.#prefix}/${label}_${this.#count++}`;
  }
}
