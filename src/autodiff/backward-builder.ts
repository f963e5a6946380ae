import type { Node, StaticGraph } from '../graph/graph.ts';
import type { Value } from '../ops/definition.ts';
import { GraphWriter } from '../specialize/graph-writer.ts';
import { Scope } from '../specialize/scope.ts';

const PREFIX = 'backward';

/** Adds the nodes of a backward pass to a graph whose types are known. */
export class BackwardBuilder extends GraphWriter {
  /** Where the node that makes a value is. */
  readonly #index = new Map<string, number>();
  /** The forward graph's IsNaN of a value. */
  readonly #nanOf = new Map<string, string>();

  constructor(graph: StaticGraph, variables: ReadonlySet<string>) {
    super(new Scope(variables, graph), PREFIX);
    this.nodes.push(...graph.nodes);
    graph.nodes.forEach((node, at) => {
      if (node.opType === 'IsNaN') this.#nanOf.set(node.inputs[0] ?? '', node.outputs[0] ?? '');
      for (const output of node.outputs) this.#index.set(output, at);
    });
  }

  /** Where a value is NaN, if the forward graph asks. */
  readonly nanOf = ({ name }: Value): Value | undefined => {
    const flags = this.#nanOf.get(name);
    return flags === undefined ? undefined : this.value(flags);
  };

  /** Output `i` of a forward node, which is made to compute it if it did not. */
  outputOf(node: Node, i: number): Value {
    const made = node.outputs.find((output) => output !== '') ?? '';
    const at = this.#index.get(made) ?? -1;
    const current = this.nodes[at] ?? node;
    const existing = current.outputs[i];
    if (existing !== undefined && existing !== '') return this.value(existing);
    const name = `${made}/output_${i}`;
    const outputs = Array.from({ length: Math.max(i + 1, current.outputs.length) }, (_, k) =>
      k === i ? name : (current.outputs[k] ?? ''),
    );
    const extended: Node = { ...current, outputs };
    this.scope.add(extended);
    this.nodes[at] = extended;
    this.#index.set(name, at);
    return this.value(name);
  }

  /** The graph as it stands, with the given values as outputs under the given names. */
  finish(graph: StaticGraph, outputs: ReadonlyMap<string, Value>): StaticGraph {
    const emitted = new Set(
      this.nodes.slice(graph.nodes.length).flatMap((node) => node.outputs.filter((name) => name !== '')),
    );
    const renamed = new Map<string, string>();
    for (const [name, value] of outputs) {
      if (emitted.has(value.name) && !renamed.has(value.name)) renamed.set(value.name, name);
    }
    const rename = (name: string) => renamed.get(name) ?? name;
    const nodes = this.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const types = new Map([...this.scope.types].map(([name, type]) => [rename(name), type]));
    for (const [name, value] of outputs) {
      types.set(name, { dtype: value.dtype, shape: value.shape });
      if (rename(value.name) === name || graph.types.has(name)) continue;
      // A value that is an output twice, or that the forward graph makes, reaches its second name by a copy.
      nodes.push({ name, opType: 'Identity', inputs: [rename(value.name)], outputs: [name], attributes: {} });
    }
    const infos = [...outputs].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
    return { ...graph, outputs: infos, nodes, initializers: this.scope.initializers, types };
  }
}
