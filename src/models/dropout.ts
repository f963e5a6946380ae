import type { GraphBuilder } from '../graph/builder.ts';
import type { Dim, Graph, Node } from '../graph/graph.ts';

/** A place where training drops values: a graph input that takes the mask. */
export interface DropoutSite {
  /** Its graph input, float32: 0 where a value is dropped, 1/(1 − p) where it is kept. */
  readonly input: string;
  /** p. */
  readonly probability: number;
}

/** Applies dropout to `x` of the given shape, whose leading extents may be folded into one in `x` itself. */
export type Drop = (x: string, probability: number, shape: readonly Dim[]) => string;

/** No dropout, as in evaluation. */
export const dropNothing: Drop = (x) => x;

/**
 * Dropout by masks that are fed: y = x · mask, and so dx = g · mask in the backward pass.
 *
 * @param sites Gets an entry for each place.
 */
export function dropByMasks(builder: GraphBuilder, sites: DropoutSite[]): Drop {
  return (x, probability, shape) => {
    if (probability === 0) return x;
    const input = builder.input({ name: `dropout/${sites.length}`, dtype: 'float32', shape });
    sites.push({ input, probability });
    return builder.op('Mul', [x, rowsOf(builder, input, shape)]);
  };
}

/** `[batch, positions, size]` as `[batch · positions, size]`; other ranks as they are. */
function rowsOf(builder: GraphBuilder, input: string, shape: readonly Dim[]): string {
  const size = shape[2];
  if (shape.length !== 3 || typeof size !== 'number') return input;
  return builder.op('Reshape', [input, builder.ints([-1, size])]);
}

/** A graph with the dropout of some sites taken out, and with it the inputs for their masks. */
export function withoutDropout(graph: Graph, inputs: ReadonlySet<string>): Graph {
  const masks = new Set(inputs);
  const kept = new Map<string, string>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const [x = '', mask = ''] = node.inputs;
    const output = node.outputs[0] ?? '';
    if (node.opType === 'Reshape' && masks.has(x)) masks.add(output);
    else if (node.opType === 'Mul' && masks.has(mask)) kept.set(output, kept.get(x) ?? x);
    else nodes.push({ ...node, inputs: node.inputs.map((name) => kept.get(name) ?? name) });
  }
  return { ...graph, inputs: graph.inputs.filter(({ name }) => !inputs.has(name)), nodes };
}
