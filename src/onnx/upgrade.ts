import { intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { int, type Node, string } from '../graph/graph.ts';
import { int64, type Tensor } from '../tensor.ts';
import { rewrittenOperators } from './rewritten.ts';

/** Reductions whose axes moved from an attribute to an input in opset 18. */
const reductionsOf18: ReadonlySet<string> = new Set([
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
]);

/** GridSample's modes before opset 20. */
const gridModes: ReadonlyMap<string, string> = new Map([
  ['bilinear', 'linear'],
  ['bicubic', 'cubic'],
]);

/**
 * A node of opset 13 or later, as opset 20 writes it: one node, or several where opset 20 has no operator for it.
 *
 * @param addInitializer Stores a tensor that used to be an attribute.
 */
export function upgradeNode(
  node: Node,
  opset: number,
  addInitializer: (name: string, tensor: Tensor) => void,
): readonly Node[] {
  const rewritten = rewrittenOperators[node.opType];
  return rewritten === undefined
    ? [renewed(node, opset, addInitializer)]
    : rewritten(node, opset, addInitializer);
}

function renewed(node: Node, opset: number, addInitializer: (name: string, tensor: Tensor) => void): Node {
  if (opset < 18 && reductionsOf18.has(node.opType)) return axesAsInput(node, addInitializer);
  // Since 18 a Split without sizes names the number of its parts.
  if (opset < 18 && node.opType === 'Split' && node.inputs.length < 2) {
    return { ...node, attributes: { ...node.attributes, num_outputs: int(node.outputs.length) } };
  }
  const renamed = node.opType === 'GridSample' ? gridModes.get(stringAttribute(node, 'mode', '')) : undefined;
  return renamed === undefined
    ? node
    : { ...node, attributes: { ...node.attributes, mode: string(renamed) } };
}

function axesAsInput(node: Node, addInitializer: (name: string, tensor: Tensor) => void): Node {
  const axes = intsAttribute(node, 'axes');
  if (axes === undefined) return node;
  const { axes: _, ...attributes } = node.attributes;
  const name = `${node.outputs[0] ?? node.name}/axes`;
  addInitializer(name, int64([axes.length], axes));
  return { ...node, inputs: [node.inputs[0] ?? '', name], attributes };
}
