import { int64, type Tensor } from '../tensor.ts';
import { type Attributes, type Graph, ints, type Node, type ValueInfo } from './graph.ts';

/** An operand of a node under construction: the name of a value, or undefined for an optional one left out. */
type Operand = string | undefined;

/**
 * Writes a forward graph node by node. Values are known by their names; shapes may hold named dimensions, so
 * nothing is inferred here: `specialize` does.
 */
export class GraphBuilder {
  readonly #inputs: ValueInfo[] = [];
  readonly #nodes: Node[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #constants = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** Names of the values that it began with. */
  readonly #taken: ReadonlySet<string> = new Set();

  /** Continues a graph: its inputs, initializers and nodes come first. */
  constructor(start?: Graph) {
    if (start === undefined) return;
    this.#inputs.push(...start.inputs);
    this.#nodes.push(...start.nodes);
    for (const [name, tensor] of start.initializers) this.#initializers.set(name, tensor);
    const made = start.nodes.flatMap(({ outputs }) => outputs);
    this.#taken = new Set([...start.inputs.map(({ name }) => name), ...start.initializers.keys(), ...made]);
  }

  /** Declares a graph input. */
  input(info: ValueInfo): string {
    this.#inputs.push(info);
    return info.name;
  }

  /** Stores a tensor as an initializer. */
  initializer(name: string, tensor: Tensor): string {
    this.#initializers.set(name, tensor);
    return name;
  }

  /** Adds a node with one output, named after the operator unless `output` says otherwise. */
  op(opType: string, inputs: readonly Operand[], attributes: Attributes = {}, output?: string): string {
    const name = output ?? this.#fresh(opType);
    const operands = inputs.map((input) => input ?? '');
    this.#nodes.push({ name, opType, inputs: operands, outputs: [name], attributes });
    return name;
  }

  /** An int64 vector, stored once however often it is asked for. */
  ints(values: readonly number[]): string {
    const key = values.join();
    const existing = this.#constants.get(key);
    if (existing !== undefined) return existing;
    const name = this.initializer(this.#fresh('axes'), int64([values.length], values));
    this.#constants.set(key, name);
    return name;
  }

  /** `x` with its axes in another order. */
  transpose(x: string, perm: readonly number[]): string {
    return this.op('Transpose', [x], { perm: ints(perm) });
  }

  /** The graph with the given outputs. */
  build(name: string, outputs: readonly ValueInfo[]): Graph {
    return {
      name,
      inputs: this.#inputs,
      outputs,
      initializers: this.#initializers,
      nodes: this.#nodes,
    };
  }

  #fresh(label: string): string {
    let count = this.#counts.get(label) ?? 0;
    while (this.#taken.has(`${label}_${count}`)) count++;
    this.#counts.set(label, count + 1);
    return `${label}_${count}`;
  }
}
