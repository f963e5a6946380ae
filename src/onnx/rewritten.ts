import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { type Attributes, int, type Node } from '../graph/graph.ts';
import { float32, int64, type Tensor } from '../tensor.ts';

type AddInitializer = (name: string, tensor: Tensor) => void;

/** Operators that opset 20 lacks or has in another form, with what writes them in operators that it has. */
export const rewrittenOperators: Readonly<
  Record<string, (node: Node, opset: number, addInitializer: AddInitializer) => readonly Node[]>
> = {
  // y = x·σ(αx)
  Swish: (node, _, addInitializer) => {
    const w = new NodeWriter(node, addInitializer);
    const alpha = floatAttribute(node, 'alpha', 1);
    const scaled = alpha === 1 ? w.input(0) : w.op('Mul', [w.input(0), w.constant(float32([], [alpha]))]);
    return w.finish('Mul', [w.input(0), w.op('Sigmoid', [scaled])]);
  },
  // y = γ·x/√(mean x² + ε) over the axes from `axis` on
  RMSNormalization: (node, _, addInitializer) => {
    const w = new NodeWriter(node, addInitializer);
    const x = w.input(0);
    const epsilon = w.constant(float32([], [floatAttribute(node, 'epsilon', 1e-5)]));
    const mean = w.op('ReduceMean', [w.op('Mul', [x, x]), trailingAxes(w, intAttribute(node, 'axis', -1))]);
    const inverse = w.op('Reciprocal', [w.op('Sqrt', [w.op('Add', [mean, epsilon])])]);
    return w.finish('Mul', [w.op('Mul', [x, inverse]), w.input(1)]);
  },
  // Each group of channels is one channel to InstanceNormalization. Since opset 21 γ and β are per channel.
  GroupNormalization: (node, opset, addInitializer) => {
    const w = new NodeWriter(node, addInitializer);
    const [x, scale, bias] = [w.input(0), w.input(1), w.input(2)];
    const groups = intAttribute(node, 'num_groups', 1);
    const epsilon = node.attributes['epsilon'];
    const grouped = w.op('Reshape', [x, w.constant(int64([3], [0, groups, -1]))]);
    const perGroup = opset < 21;
    const ones = () =>
      w.constant(
        float32(
          [groups],
          Array.from({ length: groups }, () => 1),
        ),
      );
    const zeros = () => w.constant(float32([groups], new Float32Array(groups)));
    const normalized = w.op(
      'InstanceNormalization',
      [grouped, perGroup ? scale : ones(), perGroup ? bias : zeros()],
      epsilon === undefined ? {} : { epsilon },
    );
    const shape = w.op('Shape', [x]);
    if (perGroup) return w.finish('Reshape', [normalized, shape]);
    const back = w.op('Reshape', [normalized, shape]);
    const aligned = alignedWithChannels(w, x);
    const scaled = w.op('Mul', [back, w.op('Reshape', [scale, aligned])]);
    return w.finish('Add', [scaled, w.op('Reshape', [bias, aligned])]);
  },
};

/** The axes from `axis` to the last. The rank is known when the graph is specialised. */
function trailingAxes(w: NodeWriter, axis: number): string {
  if (axis < 0)
    return w.constant(
      int64(
        [-axis],
        Array.from({ length: -axis }, (_, i) => axis + i),
      ),
    );
  const scalar = (value: number) => w.constant(int64([], [value]));
  return w.op('Range', [scalar(axis), w.op('Size', [w.op('Shape', [w.input(0)])]), scalar(1)]);
}

/** The shape `[channels, 1, …]` that lines one number for each channel up with `x`. */
function alignedWithChannels(w: NodeWriter, x: string): string {
  const spatial = w.op('Shape', [w.op('Shape', [x], { start: int(2) })]);
  const ones = w.op('ConstantOfShape', [spatial], { value: { type: 'tensor', value: int64([1], [1]) } });
  return w.op('Concat', [w.constant(int64([1], [-1])), ones], { axis: int(0) });
}

/** Writes the nodes that take the place of one, named after its output. */
class NodeWriter {
  readonly #node: Node;
  readonly #addInitializer: AddInitializer;
  readonly #nodes: Node[] = [];
  #count = 0;

  constructor(node: Node, addInitializer: AddInitializer) {
    this.#node = node;
    this.#addInitializer = addInitializer;
  }

  input(i: number): string {
    return this.#node.inputs[i] ?? '';
  }

  constant(tensor: Tensor): string {
    const name = this.#fresh('const');
    this.#addInitializer(name, tensor);
    return name;
  }

  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const name = this.#fresh(opType);
    this.#nodes.push({ name, opType, inputs, outputs: [name], attributes });
    return name;
  }

  /** Every node, with a last one that makes the output of the node replaced. */
  finish(opType: string, inputs: readonly string[]): readonly Node[] {
    const { name, outputs } = this.#node;
    return [...this.#nodes, { name, opType, inputs, outputs: outputs.slice(0, 1), attributes: {} }];
  }

  #fresh(label: string): string {
    return `${this.#node.outputs[0] ?? this.#node.name}/${label}_${this.#count++}`;
  }
}
