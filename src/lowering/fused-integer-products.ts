import { intAttribute } from '../graph/attributes.ts';
import { elementTypeNumber } from '../graph/element-types.ts';
import type { Node, StaticGraph } from '../graph/graph.ts';
import { producers, prune, readerCounts } from '../graph/topology.ts';
import { sizeOf } from '../tensor.ts';

/**
 * The same graph with onnxruntime's MatMulIntegerToFloat in place of each MatMulInteger that is cast to float32 and then
 * multiplied by a constant number times the scales of its columns.
 *
 * onnxruntime fuses these by itself, but only beyond its basic optimisations, which take half as long again.
 *
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat
 */
export function withFusedIntegerProducts(graph: StaticGraph): StaticGraph {
  const makers = producers(graph.nodes);
  const readers = readerCounts(graph);
  const onlyReadHere = (name: string, opType: string): Node | undefined => {
    const node = makers.get(name);
    return node?.opType === opType && readers.get(name) === 1 ? node : undefined;
  };
  const fuse = (node: Node): Node => {
    if (node.opType !== 'Mul') return node;
    const [unscaled = '', factors = ''] = node.inputs;
    const cast = onlyReadHere(unscaled, 'Cast');
    const product = onlyReadHere(cast?.inputs[0] ?? '', 'MatMulInteger');
    const scales = scalesOf(makers.get(factors), graph);
    const isFloat = cast !== undefined && intAttribute(cast, 'to', 0) === elementTypeNumber('float32');
    if (!isFloat || product === undefined || scales === undefined) return node;
    const [a = '', b = '', ...zeroPoints] = product.inputs;
    const inputs = [a, b, ...scales, ...zeroPoints];
    return { ...node, opType: 'com.microsoft.MatMulIntegerToFloat', inputs };
  };
  const nodes = graph.nodes.map(fuse);
  return nodes.some((node, i) => node !== graph.nodes[i]) ? prune({ ...graph, nodes }) : graph;
}

/** A constant number and the scales of columns, where a node multiplies these. */
function scalesOf(node: Node | undefined, { initializers, types }: StaticGraph) {
  const [number = '', columns = ''] = node?.opType === 'Mul' ? node.inputs : [];
  const constant = initializers.get(number);
  const isNumber = constant?.dtype === 'float32' && sizeOf(constant.shape) === 1;
  return isNumber && types.get(columns)?.shape.length === 1 ? ([number, columns] as const) : undefined;
}
