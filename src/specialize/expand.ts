import { GspfError } from '../errors.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import type { ExpandContext, ExpandRule, Value } from '../ops/definition.ts';
import { type RunBody, withoutControlFlow } from './control-flow.ts';
import type { GraphWriter } from './graph-writer.ts';

/** Most nodes that one node may become: 500 steps of an LSTM, forward, are some 6000. */
const NODE_LIMIT = 1 << 16;

/**
 * Writes nodes one after another, with the expansions that `ruleOf` finds for some in their places, and without
 * control flow; `outputs` keep their names.
 *
 * @throws `graph/operator` where a node would become more than {@link NODE_LIMIT} nodes; `graph/shape` for a loop
 *   whose trip count depends on the data.
 */
export function writeExpanded(
  writer: GraphWriter,
  nodes: readonly Node[],
  outputs: readonly string[],
  ruleOf: (node: Node) => ExpandRule | undefined,
): void {
  const names = new Map<string, string>();
  writeNodes(writer, nodes, ruleOf, names, '');
  for (const name of outputs) {
    const value = names.get(name);
    if (value === undefined) continue;
    writer.add({ name, opType: 'Identity', inputs: [value], outputs: [name], attributes: {} });
  }
}

/**
 * @param names What values are called in the graph that is written, where they have another name; added to.
 * @param prefix Begins the names of the nodes' outputs: what a body makes has a name of its own in each pass.
 */
function writeNodes(
  writer: GraphWriter,
  nodes: readonly Node[],
  ruleOf: (node: Node) => ExpandRule | undefined,
  names: Map<string, string>,
  prefix: string,
): void {
  const rename = (name: string): string => names.get(name) ?? name;
  const own = (name: string): string => (name === '' ? '' : `${prefix}${name}`);
  for (const original of nodes) {
    const node: Node = {
      ...original,
      name: own(original.name),
      inputs: original.inputs.map(rename),
      outputs: original.outputs.map(own),
    };
    let passes = 0;
    const before = writer.nodes.length;
    const run: RunBody = (body, inputs) => {
      if (Math.max(writer.nodes.length - before, passes) > NODE_LIMIT) throw tooLarge(node);
      const inner = new Map(names);
      body.inputs.forEach((name, i) => {
        const value = inputs[i];
        if (value !== undefined) inner.set(name, value.name);
      });
      const label = node.name === '' ? (node.outputs[0] ?? '') : node.name;
      writeNodes(writer, body.nodes, ruleOf, inner, `${label}/${passes++}/`);
      return body.outputs.map((name) => writer.value(inner.get(name) ?? name));
    };
    const context = expandContext(node, writer);
    const values = withoutControlFlow(context, run) ?? ruleOf(original)?.(context);
    if (values === undefined) writer.add(node);
    original.outputs.forEach((output, i) => {
      const name = values === undefined ? node.outputs[i] : values[i]?.name;
      if (output !== '' && name !== undefined && name !== output) names.set(output, name);
    });
  }
}

function expandContext(node: Node, writer: GraphWriter): ExpandContext {
  const optional = (i: number): Value | undefined => {
    const name = node.inputs[i];
    return name === undefined || name === '' ? undefined : writer.value(name);
  };
  const before = writer.nodes.length;
  return {
    node,
    optional,
    input: (i) => {
      const value = optional(i);
      if (value !== undefined) return value;
      throw new GspfError('graph/invalid', {
        subject: describeNode(node),
        expected: `input ${i}`,
        got: 'none',
      });
    },
    op: (...call) => {
      if (writer.nodes.length - before > NODE_LIMIT) throw tooLarge(node);
      return writer.op(...call);
    },
    ops: writer.ops,
    constant: writer.constant,
    reshape: writer.reshape,
    zeros: (shape, dtype) => writer.filled(shape, dtype, 0),
    known: writer.known,
  };
}

function tooLarge(node: Node): GspfError {
  return new GspfError('graph/operator', {
    subject: describeNode(node),
    expected: `at most ${NODE_LIMIT} nodes once it is unrolled`,
    got: 'more',
    hint: 'Shorten the sequence, or the loop.',
  });
}
