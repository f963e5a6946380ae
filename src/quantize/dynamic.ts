import { elementTypeNumber } from '../graph/element-types.ts';
import { type Attributes, type Graph, int, ints, type Node } from '../graph/graph.ts';
import { float32, type Tensor } from '../tensor.ts';
import { type QuantizedRows, quantizeRows } from './rows.ts';

/** Nodes of a graph under way to 8 bits, and the initializers that they read. */
interface Rewriting {
  readonly initializers: Map<string, Tensor>;
  /** Names of activations and weights that have their 8-bit form already. */
  readonly quantized: Set<string>;
}

/**
 * Dynamic quantisation: linear layers multiply 8-bit integers, embeddings are looked up in 8-bit tables.
 *
 * A Gemm on an initializer `[out, in]`, as torch.nn.Linear has it, becomes MatMulInteger: the weights' rows are rounded
 * once, here; what they are multiplied with is rounded as a whole, when the model runs (DynamicQuantizeLinear). All
 * operators are ONNX's own. onnxruntime fuses them as it does those of its own quantiser.
 *
 * @param graph Weights are initializers of it. It is left as it is; what is not rounded is shared.
 */
export function quantizeDynamically(graph: Graph): Graph {
  const state: Rewriting = { initializers: new Map(graph.initializers), quantized: new Set() };
  const nodes = graph.nodes.flatMap((node) => rewrite(node, state));
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const initializers = new Map([...state.initializers].filter(([name]) => read.has(name)));
  return { ...graph, initializers, nodes };
}

function rewrite(node: Node, state: Rewriting): readonly Node[] {
  const { opType, attributes } = node;
  const number = (name: string, standard: number): number => {
    const attribute = attributes[name];
    return attribute?.type === 'int' || attribute?.type === 'float' ? attribute.value : standard;
  };
  if (opType === 'Gemm' && number('transA', 0) === 0 && number('transB', 0) === 1) {
    return linear(node, state, number('alpha', 1), number('beta', 1));
  }
  if (opType === 'Gather' && number('axis', 0) === 0) return lookUp(node, state);
  return [node];
}

/** y = α·x·Wᵀ + β·b with x ≈ s·(x₈ − z) and Wᵢⱼ ≈ sᵢ·W₈ᵢⱼ: y ≈ α·s·sᵢ·((x₈ − z)·W₈ᵀ)ᵢ + β·b. */
function linear(node: Node, state: Rewriting, alpha: number, beta: number): readonly Node[] {
  const [x = '', weight = '', bias] = node.inputs;
  const [y = ''] = node.outputs;
  const table = tableOf(weight, state);
  if (table === undefined) return [node];
  const nodes: Node[] = [];
  const once = (name: string, node: () => Node): void => {
    if (state.quantized.has(name)) return;
    state.quantized.add(name);
    nodes.push(node());
  };
  once(`${x}/uint8`, () => ({
    ...op('DynamicQuantizeLinear', [x], `${x}/uint8`),
    outputs: [`${x}/uint8`, `${x}/scale`, `${x}/zero_point`],
  }));
  once(`${weight}/int8/transposed`, () =>
    op('Transpose', [`${weight}/int8`], `${weight}/int8/transposed`, { perm: ints([1, 0]) }),
  );
  const vector = Float32Array.from(table.scales.data, (scale) => scale * alpha);
  state.initializers.set(`${y}/weight_scales`, float32([vector.length], vector));
  const product = [`${x}/uint8`, `${weight}/int8/transposed`, `${x}/zero_point`];
  nodes.push(
    op('MatMulInteger', product, `${y}/int32`),
    op('Cast', [`${y}/int32`], `${y}/unscaled`, { to: int(elementTypeNumber('float32')) }),
    op('Mul', [`${x}/scale`, `${y}/weight_scales`], `${y}/scales`),
  );
  if (bias === undefined || bias === '') return [...nodes, op('Mul', [`${y}/unscaled`, `${y}/scales`], y)];
  if (beta !== 1) {
    state.initializers.set(`${y}/beta`, float32([], [beta]));
    nodes.push(op('Mul', [bias, `${y}/beta`], `${y}/bias`));
  }
  return [
    ...nodes,
    op('Mul', [`${y}/unscaled`, `${y}/scales`], `${y}/product`),
    op('Add', [`${y}/product`, beta === 1 ? bias : `${y}/bias`], y),
  ];
}

/** Rows of a table, and their scales. */
function lookUp(node: Node, state: Rewriting): readonly Node[] {
  const [weight = '', indices = ''] = node.inputs;
  const [y = ''] = node.outputs;
  if (tableOf(weight, state) === undefined) return [node];
  return [
    op('Gather', [`${weight}/int8`, indices], `${y}/int8`),
    op('Cast', [`${y}/int8`], `${y}/unscaled`, { to: int(elementTypeNumber('float32')) }),
    op('Gather', [`${weight}/scales`, indices], `${y}/scales`),
    op('Mul', [`${y}/unscaled`, `${y}/scales`], y),
  ];
}

/** A matrix's 8-bit form among the initializers, `name/int8` and `name/scales`; undefined for what is no float32 matrix. */
function tableOf(name: string, { initializers }: Rewriting): QuantizedRows | undefined {
  const tensor = initializers.get(name);
  if (tensor?.dtype !== 'float32' || tensor.shape.length !== 2) return undefined;
  const table = quantizeRows(tensor);
  initializers.set(`${name}/int8`, table.values).set(`${name}/scales`, table.scales);
  return table;
}

function op(opType: string, inputs: readonly string[], output: string, attributes: Attributes = {}): Node {
  return { name: output, opType, inputs, outputs: [output], attributes };
}
