import type { Node, StaticGraph } from '../graph/graph.ts';

/**
 * The same graph with its nodes listed so that onnxruntime computes values late and frees them early.
 *
 * onnxruntime walks a graph depth first from its last leaf, and at each node visits the input whose maker is listed
 * last first. Listing nodes by depth makes it follow the longest way first, so that side branches (the derivative of
 * an activation, say) are computed right before they are used; listing the leaves by falling depth makes it
 * finish the gradients of the upper layers before it goes down to the next. In the order of differentiation, all
 * activations and all cotangents would be held until the end.
 */
export function orderForEarlyRelease<G extends StaticGraph>(graph: G): G {
  const depths = new Map<string, number>();
  const depthOf = new Map<Node, number>();
  for (const node of graph.nodes) {
    const depth = 1 + Math.max(0, ...node.inputs.map((input) => depths.get(input) ?? 0));
    depthOf.set(node, depth);
    for (const output of node.outputs) depths.set(output, depth);
  }
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const isLeaf = ({ outputs }: Node): boolean => !outputs.some((output) => read.has(output));
  const depth = (node: Node): number => depthOf.get(node) ?? 0;
  const inner = graph.nodes.filter((node) => !isLeaf(node)).sort((a, b) => depth(a) - depth(b));
  const leaves = graph.nodes.filter(isLeaf).sort((a, b) => depth(b) - depth(a));
  return { ...graph, nodes: [...inner, ...leaves] };
}
