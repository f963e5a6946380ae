import { int, type Node } from '../graph/graph.ts';
import type { Emit, ExpandContext, Operand, Value, Writer } from '../ops/definition.ts';
import { fromNumeric } from '../ops/numeric.ts';
import { type DType, int64, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import type { Scope } from './scope.ts';

/**
 * Writes nodes whose types are known: infers their types, computes now what is constant, and gives the value that is
 * already there when the same node is asked for twice, so that rules need not share their work.
 */
export class GraphWriter implements Writer {
  protected readonly scope: Scope;
  /** The nodes so far. */
  readonly nodes: Node[] = [];
  readonly #emitted = new Map<string, readonly Value[]>();
  readonly #prefix: string;
  #count = 0;

  /** @param prefix Begins the names of the values that it makes: one that no name of the graph has. */
  constructor(scope: Scope, prefix: string) {
    this.scope = scope;
    this.#prefix = prefix;
  }

  /** Adds a node as it is, unless its outputs could be computed now. */
  add(node: Node): void {
    if (!this.scope.add(node)) this.nodes.push(node);
  }

  /** The value of that name. */
  value(name: string): Value {
    return { name, ...this.scope.type(name) };
  }

  /** The tensor behind a value, where it is known at compile time. */
  readonly known = ({ name }: Value): Tensor | undefined => this.scope.constant(name);

  /** Stores a tensor in the graph, equal small tensors once. */
  readonly constant = (tensor: Tensor): Value => {
    const small = sizeOf(tensor.shape) <= 64;
    const key = small ? `${tensor.dtype}[${tensor.shape}]=${tensor.data.join()}` : '';
    const existing = small ? this.#emitted.get(key)?.[0] : undefined;
    if (existing !== undefined) return existing;
    const name = this.#fresh('const');
    this.scope.define(name, tensor);
    const value = this.value(name);
    if (small) this.#emitted.set(key, [value]);
    return value;
  };

  /** Adds one node with one output. A number becomes a scalar of the other operands' element type. */
  readonly op: Emit = (opType, operands, attributes = {}) => {
    const [value] = this.ops(opType, operands, attributes, 1);
    return value ?? this.value('');
  };

  /** Adds one node with several outputs. */
  readonly ops: ExpandContext['ops'] = (opType, operands, attributes, count) => {
    const dtype = operands.find((operand) => typeof operand === 'object' && operand.dtype !== 'bool');
    const scalarType = typeof dtype === 'object' ? dtype.dtype : 'float32';
    const inputs = operands.map((operand) => this.#operand(operand, scalarType));
    const key = `${opType}(${inputs})${JSON.stringify(attributes)}`;
    const existing = this.#emitted.get(key);
    if (existing !== undefined) return existing;
    const name = this.#fresh(opType);
    const outputs = count === 1 ? [name] : Array.from({ length: count }, (_, i) => `${name}.${i}`);
    this.add({ name, opType, inputs, outputs, attributes });
    const values = outputs.map((output) => this.value(output));
    this.#emitted.set(key, values);
    return values;
  };

  /** A value in another shape; itself where it has that shape. */
  readonly reshape = (value: Value, shape: Shape): Value => {
    const same = value.shape.length === shape.length && shape.every((n, axis) => n === value.shape[axis]);
    if (same) return value;
    // Without `allowzero` an extent 0 would mean the input's own.
    const attributes = shape.includes(0) ? { allowzero: int(1) } : {};
    return this.op('Reshape', [value, this.constant(int64([shape.length], shape))], attributes);
  };

  /** A tensor full of one number, made when the graph runs so that the model file stays small. */
  readonly filled = (shape: Shape, dtype: DType, value: number): Value => {
    const scalar = fromNumeric({ dtype, shape: [], data: Float64Array.of(value) });
    return this.op('Expand', [this.constant(scalar), this.constant(int64([shape.length], shape))]);
  };

  #operand(operand: Operand | undefined, dtype: DType): string {
    if (operand === undefined) return '';
    if (typeof operand === 'object') return operand.name;
    return this.constant(fromNumeric({ dtype, shape: [], data: Float64Array.of(operand) })).name;
  }

  #fresh(label: string): string {
    return `${this.#prefix}/${label}_${this.#count++}`;
  }
}
