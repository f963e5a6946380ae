import { intAttribute } from '../graph/attributes.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { normalizeAxis } from '../ops/shapes.ts';
import { operators } from '../ops/table.ts';
import { type DType, float32, sizeOf, type Tensor } from '../tensor.ts';

/** A graph whose quantised initializers are floats. */
export interface Dequantized {
  readonly graph: Graph;
  /** The floats that were made, by the names of the values that they are, with the types that the file has them in. */
  readonly storedTypes: ReadonlyMap<string, DType>;
}

/**
 * The same graph with the value of each DequantizeLinear of initializers alone as an initializer in its place: weights
 * that are stored in 8 bits become floats, which can be trained.
 *
 * @param graph In float32 (`singlePrecision`).
 * @throws `graph/operator` for scales of blocks along an axis.
 */
export function dequantizeInitializers(graph: Graph): Dequantized {
  const initializers = new Map(graph.initializers);
  const storedTypes = new Map<string, DType>();
  const nodes = graph.nodes.filter((node) => {
    const [output] = node.outputs;
    const constants = node.inputs.map((name) => (name === '' ? undefined : initializers.get(name)));
    const [stored] = constants;
    const known = node.inputs.every((name, i) => name === '' || constants[i] !== undefined);
    if (node.opType !== 'DequantizeLinear' || !known || stored === undefined || output === undefined)
      return true;
    initializers.set(output, dequantized(node, constants));
    storedTypes.set(output, stored.dtype);
    return false;
  });
  if (storedTypes.size === 0) return { graph, storedTypes };
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  const replaced = new Set(
    graph.nodes.filter((node) => !nodes.includes(node)).flatMap(({ inputs }) => inputs),
  );
  const kept = [...initializers].filter(([name]) => read.has(name) || !replaced.has(name));
  return { graph: { ...graph, nodes, initializers: new Map(kept) }, storedTypes };
}

/** (x − zero point) · scale in float32: what the reference kernel makes, without its float64 copies of large weights. */
function dequantized(node: Node, constants: readonly (Tensor | undefined)[]): Tensor {
  operators.DequantizeLinear.infer({ node, inputs: constants, constants });
  const [stored, scale, zeroPoint] = constants;
  const { shape, data }: Pick<Tensor, 'shape' | 'data'> = stored ?? { shape: [0], data: new Float32Array() };
  const count = scale?.data.length ?? 1;
  const axis = (): number => normalizeAxis(intAttribute(node, 'axis', 1), shape.length, node);
  // So many values in a row have one scale.
  const run = count === 1 ? data.length : sizeOf(shape.slice(axis() + 1));
  const values = new Float32Array(data.length);
  for (let start = 0; start < values.length; start += run) {
    const k = (start / run) % count;
    const [factor, zero] = [Number(scale?.data[k] ?? 1), Number(zeroPoint?.data[k] ?? 0)];
    for (let i = start; i < start + run; i++) values[i] = (Number(data[i]) - zero) * factor;
  }
  return float32(shape, values);
}
