import { floatAttribute } from '../graph/attributes.ts';
import { float, type Node, type StaticGraph } from '../graph/graph.ts';
import { readerCounts } from '../graph/topology.ts';
import { numbersOf } from '../ops/shapes.ts';
import { sizeOf } from '../tensor.ts';

/**
 * The same graph with the factor of each Mul by a constant number inside the Gemm that it follows, where nothing else reads
 * that: a pass over the values less, in scaled queries and in derivatives.
 *
 * A Gemm with a bias scales it too (`beta`).
 */
export function withScaledProducts(graph: StaticGraph): StaticGraph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const readers = readerCounts(graph);
  const scaled = new Map<Node, Node>();
  const replaced = new Set<Node>();
  for (const node of graph.nodes) {
    const found = factorOf(node, graph);
    const product = makers.get(found?.x ?? '');
    if (found === undefined || product?.opType !== 'Gemm' || readers.get(found.x) !== 1) continue;
    scaled.set(product, times(product, found.factor, node.outputs));
    replaced.add(node);
  }
  const nodes = graph.nodes.filter((node) => !replaced.has(node)).map((node) => scaled.get(node) ?? node);
  return { ...graph, nodes };
}

/** The value that a node multiplies by a constant number. */
function factorOf({ opType, inputs, outputs }: Node, { types, initializers }: StaticGraph) {
  if (opType !== 'Mul') return undefined;
  const shape = types.get(outputs[0] ?? '')?.shape;
  for (const [x = '', by = ''] of [inputs, inputs.toReversed()]) {
    const tensor = initializers.get(by);
    const keepsShape = `${types.get(x)?.shape}` === `${shape}`;
    if (tensor?.dtype !== 'float32' || sizeOf(tensor.shape) !== 1 || !keepsShape) continue;
    return { x, factor: numbersOf(tensor)[0] ?? 1 };
  }
  return undefined;
}

function times(product: Node, factor: number, outputs: readonly string[]): Node {
  const { attributes } = product;
  const scaled = (name: string) => float(factor * floatAttribute(product, name, 1));
  const beta = product.inputs.length > 2 ? { beta: scaled('beta') } : {};
  return { ...product, outputs, attributes: { ...attributes, alpha: scaled('alpha'), ...beta } };
}
