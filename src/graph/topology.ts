import { GspfError, suggest } from '../errors.ts';
import { type Attribute, type Body, describeNode, type Graph, type Node } from './graph.ts';

/** The values that a node reads: its inputs, optional ones where they are present, and what its bodies take from outside. */
export function presentInputs(node: Node): readonly string[] {
  return [...node.inputs, ...bodiesOf(node).flatMap(capturedBy)].filter((name) => name !== '');
}

/** The bodies of an If, Loop or Scan; none of other nodes. */
export function bodiesOf({ attributes }: Node): readonly Body[] {
  return Object.values(attributes).flatMap((a) => (a.type === 'graph' ? [a.value] : []));
}

/** A node with every node of its bodies replaced. */
export function withBodies(node: Node, change: (inner: Node) => Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, attribute]): [string, Attribute] => {
    if (attribute.type !== 'graph') return [name, attribute];
    const { value } = attribute;
    return [name, { type: 'graph', value: { ...value, nodes: value.nodes.map(change) } }];
  });
  return { ...node, attributes: Object.fromEntries(attributes) };
}

/** Nodes with those of their bodies, which stand before the node that has the body. */
export function withInnerNodes(nodes: readonly Node[]): readonly Node[] {
  return nodes.flatMap((node) => [...bodiesOf(node).flatMap((body) => withInnerNodes(body.nodes)), node]);
}

/** The values of the graph around a body that the body reads. */
function capturedBy({ inputs, outputs, nodes }: Body): readonly string[] {
  const own = new Set([...inputs, ...nodes.flatMap((node) => node.outputs)]);
  return [...nodes.flatMap(presentInputs), ...outputs].filter((name) => !own.has(name));
}

/** For each value made by a node, that node. */
export function producers(nodes: Iterable<Node>): Map<string, Node> {
  const result = new Map<string, Node>();
  for (const node of nodes) {
    for (const output of node.outputs) if (output !== '') result.set(output, node);
  }
  return result;
}

/**
 * The nodes in an order in which every value is made before it is used; ties keep the given order.
 *
 * @throws `graph/invalid` for a value made twice, used without being made, or on a cycle.
 */
export function sortNodes(nodes: readonly Node[], given: Iterable<string>): readonly Node[] {
  const made = new Set(given);
  const makers = producers(nodes);
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output !== '' && (made.has(output) || makers.get(output) !== node)) {
        throw new GspfError('graph/invalid', {
          subject: `value "${output}" of ${describeNode(node)}`,
          expected: 'one maker for each value',
          got: 'two',
        });
      }
    }
  }

  const sorted: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const root of nodes) {
    if (state.has(root)) continue;
    const stack = [{ node: root, reads: presentInputs(root), next: 0 }];
    state.set(root, 'open');
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const input = frame.reads[frame.next++];
      if (input === undefined) {
        state.set(frame.node, 'done');
        sorted.push(frame.node);
        stack.pop();
        continue;
      }
      if (made.has(input)) continue;
      const maker = makers.get(input);
      if (maker === undefined) {
        throw new GspfError('graph/invalid', {
          subject: `input "${input}" of ${describeNode(frame.node)}`,
          expected: 'a graph input, an initializer or the output of a node',
          got: 'none of that name',
          hint: suggest(input, [...made, ...makers.keys()].slice(0, 5000)),
        });
      }
      const seen = state.get(maker);
      if (seen === 'done') continue;
      if (seen === 'open') {
        throw new GspfError('graph/invalid', {
          subject: describeNode(maker),
          expected: 'a graph without cycles',
          got: `its own output "${input}" among its ancestors`,
        });
      }
      state.set(maker, 'open');
      stack.push({ node: maker, reads: presentInputs(maker), next: 0 });
    }
  }
  return sorted;
}

/** The graph with only what its outputs need; graph inputs stay as declared. */
export function prune<G extends Graph>(graph: G): G {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const nodes: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of presentInputs(node)) needed.add(input);
  }
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes: nodes.reverse(), initializers };
}

/** How often each value is read: by nodes, and as an output of the graph. */
export function readerCounts({ nodes, outputs }: Graph): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of [...nodes.flatMap(presentInputs), ...outputs.map(({ name }) => name)]) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** The given values, and those that are computed from any of them. */
export function dependents(nodes: readonly Node[], values: Iterable<string>): ReadonlySet<string> {
  const reached = new Set(values);
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((name) => reached.has(name))) for (const output of outputs) reached.add(output);
  }
  reached.delete('');
  return reached;
}
