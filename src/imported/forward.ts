import { GspfError, suggest } from '../errors.ts';
import type { Dim, Graph, Node, ValueInfo } from '../graph/graph.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { isFloat } from '../tensor.ts';
import type { ImportedGraph } from './import.ts';

/** The output of a forward graph that losses are taken of. */
export const LOGITS = 'logits';

/**
 * The name of the output to train: the one that is wanted, else the only one of floats, else `logits`.
 *
 * @throws `usage/option` where the graph lacks it, or has several and none is named.
 */
export function outputOf(graph: Graph, wanted: string | null): string {
  const floats = graph.outputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name);
  const [only] = floats;
  if (wanted === null) {
    if (only !== undefined && (floats.length === 1 || floats.includes(LOGITS))) {
      return floats.includes(LOGITS) ? LOGITS : only;
    }
  } else if (floats.includes(wanted)) return wanted;
  throw new GspfError('usage/option', {
    subject: 'graph.output',
    expected: `one of the graph's float outputs: ${floats.join(', ') || 'it has none'}`,
    got: wanted === null ? 'none' : `"${wanted}"`,
    hint: wanted === null ? '' : suggest(wanted, floats),
  });
}

/** The extents that the axes of an input go by when a graph is specialised for a batch. */
const BATCH = 'batch';
const SEQUENCE = 'sequence';

/**
 * The graph of an imported model with weights and running statistics as inputs, the first axis of every input called `batch` and, where they are
 * sequences, the second one `sequence`. Fixed extents stay.
 *
 * @param sequences Inputs whose second axis counts tokens.
 */
export function baseGraph(
  { graph, weights, statistics }: ImportedGraph,
  sequences: ReadonlySet<string>,
): Graph {
  const names = new Map<string, string>();
  for (const { name, shape } of graph.inputs) {
    const [first, second] = shape;
    if (typeof first === 'string') names.set(first, BATCH);
    if (typeof second === 'string' && sequences.has(name)) names.set(second, SEQUENCE);
  }
  const inputs = graph.inputs.map((info) => ({
    ...info,
    shape: info.shape.map((dim): Dim => (typeof dim === 'string' ? (names.get(dim) ?? dim) : dim)),
  }));
  const fed = new Map([...weights, ...statistics]);
  const infos = [...fed].map(([name, { dtype, shape }]): ValueInfo => ({ name, dtype, shape }));
  const initializers = new Map([...graph.initializers].filter(([name]) => !fed.has(name)));
  return { ...withFreeNames(graph), inputs: [...inputs, ...infos], initializers };
}

/** {@link baseGraph} with one output, `logits`, which is the given one of the model's values. */
export function forwardGraph(model: ImportedGraph, value: string, sequences: ReadonlySet<string>): Graph {
  const base = baseGraph(model, sequences);
  const inputs = [value === LOGITS || value === LOSS ? innerName(model.graph, value) : value];
  const copy: Node = { name: LOGITS, opType: 'Identity', inputs, outputs: [LOGITS], attributes: {} };
  return {
    ...base,
    outputs: [{ name: LOGITS, dtype: 'float32', shape: [BATCH] }],
    nodes: [...base.nodes, copy],
  };
}

/** The graph with its own values of the names that training gives out, if it has such, under others. */
function withFreeNames(graph: Graph): Graph {
  const names = new Map([LOGITS, LOSS].map((name) => [name, innerName(graph, name)]));
  const rename = (name: string): string => names.get(name) ?? name;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  };
}

/** What such a value is called then: a name that is free, as a model may have been through here before. */
function innerName({ nodes }: Graph, value: string): string {
  const taken = new Set(nodes.flatMap(({ outputs }) => outputs));
  let name = `${value}/inner`;
  while (taken.has(name)) name = `${name}/inner`;
  return name;
}
