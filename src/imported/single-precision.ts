import { elementType, elementTypeNumber } from '../graph/element-types.ts';
import { type Attribute, describeNode, type Graph, int, type Node, type ValueInfo } from '../graph/graph.ts';
import { withBodies } from '../graph/topology.ts';
import { isWeight, type WeightType, widen } from '../models/half-precision.ts';
import { type DType, isFloat, type Tensor } from '../tensor.ts';
import { dequantizeInitializers } from './dequantized.ts';

/** A graph whose floats are float32, and what the file has them in. */
export interface SinglePrecision {
  readonly graph: Graph;
  /** Its float tensors as the file has them, float64 left out; those that it has quantised as floats. */
  readonly stored: ReadonlyMap<string, Tensor<WeightType>>;
  /** Names of initializers that are the values of Constant nodes in the file. */
  readonly hoisted: ReadonlySet<string>;
  /** The integer types of those that the file has quantised. */
  readonly quantized: ReadonlyMap<string, DType>;
}

/**
 * The same graph in float32: 16-bit weights, constants, casts, inputs and outputs are widened, which loses nothing.
 * Constant nodes with floats become initializers under the names of their outputs, as they may hold weights; so does
 * what DequantizeLinear makes of initializers alone.
 */
export function singlePrecision(graph: Graph): SinglePrecision {
  const stored = new Map<string, Tensor<WeightType>>();
  const hoisted = new Set<string>();
  const initializers = new Map<string, Tensor>();
  const add = (name: string, tensor: Tensor): void => {
    if (isWeight(tensor)) stored.set(name, tensor);
    initializers.set(name, widened(tensor));
  };
  for (const [name, tensor] of graph.initializers) add(name, tensor);
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const { value } = node.attributes;
    const [output] = node.outputs;
    if (node.opType !== 'Constant' || value?.type !== 'tensor' || output === undefined)
      return [widenNode(node)];
    if (!isFloat(value.value.dtype)) return [node];
    hoisted.add(output);
    add(output, value.value);
    return [];
  });
  const inputs = graph.inputs.map(widenInfo);
  const outputs = graph.outputs.map(widenInfo);
  const floats = dequantizeInitializers({ ...graph, inputs, outputs, initializers, nodes });
  for (const name of floats.storedTypes.keys()) {
    const tensor = floats.graph.initializers.get(name);
    if (tensor !== undefined && isWeight(tensor)) stored.set(name, tensor);
  }
  for (const name of stored.keys()) if (!floats.graph.initializers.has(name)) stored.delete(name);
  return { graph: floats.graph, stored, hoisted, quantized: floats.storedTypes };
}

/** Attributes that hold the number of an element type. */
const typeAttributes: ReadonlySet<string> = new Set(['dtype', 'output_dtype', 'stash_type', 'to']);

function widenNode(node: Node): Node {
  const entries = Object.entries(node.attributes).map(([name, attribute]): [string, Attribute] => {
    if (attribute.type === 'tensor') return [name, { ...attribute, value: widened(attribute.value) }];
    if (attribute.type !== 'int' || !typeAttributes.has(name)) return [name, attribute];
    const half = attribute.value !== 0 && isHalf({ dtype: elementType(attribute.value, describeNode(node)) });
    return [name, half ? int(elementTypeNumber('float32')) : attribute];
  });
  return withBodies({ ...node, attributes: Object.fromEntries(entries) }, widenNode);
}

function widenInfo(info: ValueInfo): ValueInfo {
  return isHalf(info) ? { ...info, dtype: 'float32' } : info;
}

function isHalf<T extends { readonly dtype: Tensor['dtype'] }>(
  typed: T,
): typed is T & { readonly dtype: 'float16' | 'bfloat16' } {
  return typed.dtype === 'float16' || typed.dtype === 'bfloat16';
}

function widened(tensor: Tensor): Tensor {
  return isWeight(tensor) ? widen(tensor) : tensor;
}
