import { GspfError } from '../errors.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import type { ExpandContext, ExpandRule, Value } from '../ops/definition.ts';
import type { GraphWriter } from './graph-writer.ts';

/** Most nodes that one node may become: 500 steps of an LSTM, forward, are some 6000. */
const NODE_LIMIT = 1 << 16;

/**
 * Writes nodes one after another, with the expansions that `ruleOf` finds for some in their places; `outputs` keep
 * their names.
 *
 * @throws `graph/operator` where a node would become more than {@link NODE_LIMIT} nodes.
 */
export function writeExpanded(
  writer: GraphWriter,
  nodes: readonly Node[],
  outputs: readonly string[],
  ruleOf: (node: Node) => ExpandRule | undefined,
): void {
  const expanded = new Map<string, Value>();
  for (const original of nodes) {
    const inputs = original.inputs.map((name) => expanded.get(name)?.name ?? name);
    const node = { ...original, inputs };
    const values = ruleOf(original)?.(expandContext(node, writer));
    if (values === undefined) {
      writer.add(node);
      continue;
    }
    node.outputs.forEach((output, i) => {
      const value = values[i];
      if (output !== '' && value !== undefined) expanded.set(output, value);
    });
  }
  for (const name of outputs) {
    const value = expanded.get(name);
    if (value === undefined) continue;
    writer.add({ name, opType: 'Identity', inputs: [value.name], outputs: [name], attributes: {} });
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
    op: writer.op,
    ops: (...call) => {
      if (writer.nodes.length - before > NODE_LIMIT) throw tooLarge(node);
      return writer.ops(...call);
    },
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
    hint: 'Shorten the sequence.',
  });
}
