import { elementType } from '../graph/element-types.ts';
import { describeNode, type Graph, type Node } from '../graph/graph.ts';
import { bodiesOf } from '../graph/topology.ts';
import { rewrittenTypes } from '../ops/rewrites.ts';
import { isOpType, operators } from '../ops/table.ts';
import { isFloat } from '../tensor.ts';
import { takesWeight } from './weight-inputs.ts';

/** How far the gradients of a graph's float outputs reach, by the operators' table: no shapes are needed. */
export interface GradientFlow {
  /** Values whose change moves a float output smoothly. */
  readonly reached: ReadonlySet<string>;
  /** For values that an output depends on without a gradient: the last node before it that has no derivative. */
  readonly stops: ReadonlyMap<string, Node>;
}

/**
 * Follows gradients from the float outputs backward. An operator that gspf lacks is taken to have a derivative in its
 * first input and its weights; one of another domain, with a body or that others take the place of, in all its inputs.
 */
export function gradientFlow(graph: Graph): GradientFlow {
  const reached = new Set(graph.outputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name));
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const stops = new Map<string, Node>();
  const follow = (node: Node): void => {
    if (!node.outputs.some((output) => needed.has(output))) return;
    const wanted = node.outputs.some((output) => reached.has(output));
    for (const body of bodiesOf(node)) {
      for (const output of body.outputs) {
        needed.add(output);
        if (wanted) reached.add(output);
      }
      body.nodes.toReversed().forEach(follow);
    }
    const inherited = node.outputs.map((output) => stops.get(output)).find((stop) => stop !== undefined);
    node.inputs.forEach((name, index) => {
      if (name === '') return;
      needed.add(name);
      if (wanted && passes(node, index)) reached.add(name);
      else if (!stops.has(name)) {
        stops.set(name, wanted || inherited === undefined ? node : inherited);
      }
    });
  };
  graph.nodes.toReversed().forEach(follow);
  for (const name of reached) stops.delete(name);
  return { reached, stops };
}

/** Whether a node hands the gradient of its outputs on to an input. */
export function passes(node: Node, index: number): boolean {
  if (!isOpType(node.opType)) {
    const isComposite = node.opType.includes('.') || rewrittenTypes.includes(node.opType);
    return isComposite || index === 0 || takesWeight(node, index);
  }
  const { to } = node.attributes;
  if (node.opType === 'Cast' && to?.type === 'int' && !isFloat(elementType(to.value, describeNode(node)))) {
    return false;
  }
  const { gradients } = operators[node.opType];
  return (gradients[Math.min(index, gradients.length - 1)] ?? null) !== null;
}
