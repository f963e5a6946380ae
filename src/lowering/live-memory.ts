import type { Node, StaticGraph } from '../graph/graph.ts';
import { bytesPerElement, sizeOf } from '../tensor.ts';
import { orderForEarlyRelease } from './execution-order.ts';

/** Operators whose output is their input's memory under another shape. */
const views = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity']);

/**
 * The most bytes of intermediate values that are alive at once when onnxruntime runs a graph: each from the node that
 * makes it to the last that reads it. Inputs, initializers and outputs are not counted.
 */
export function peakLiveBytes(graph: StaticGraph): number {
  const outside = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const name of graph.initializers.keys()) outside.add(name);
  const order = executionOrder(orderForEarlyRelease(graph));
  const owner = new Map<string, string>();
  const lastUse = new Map<string, number>();
  const ownerOf = (name: string): string => owner.get(name) ?? name;
  for (const [at, { opType, inputs, outputs }] of order.entries()) {
    if (views.has(opType)) owner.set(outputs[0] ?? '', ownerOf(inputs[0] ?? ''));
    for (const name of [...inputs, ...outputs]) lastUse.set(ownerOf(name), at);
  }
  const sizeOfValue = (name: string): number => {
    const type = graph.types.get(name);
    return name === '' || outside.has(name) || type === undefined
      ? 0
      : sizeOf(type.shape) * bytesPerElement(type.dtype);
  };
  const released = new Map<number, string[]>();
  for (const [name, at] of lastUse) released.set(at, [...(released.get(at) ?? []), name]);
  let live = 0;
  let peak = 0;
  for (const [at, { outputs }] of order.entries()) {
    for (const name of outputs) if (!owner.has(name)) live += sizeOfValue(name);
    peak = Math.max(peak, live);
    for (const name of released.get(at) ?? []) live -= sizeOfValue(name);
  }
  return peak;
}

/** The order in which onnxruntime runs nodes: depth first from the last leaf, the input listed last first. */
export function executionOrder({ nodes }: Pick<StaticGraph, 'nodes'>): readonly Node[] {
  const makers = new Map<string, number>();
  for (const [i, { outputs }] of nodes.entries()) for (const name of outputs) makers.set(name, i);
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const done = new Uint8Array(nodes.length);
  const order: Node[] = [];
  const leaves = [...nodes.keys()].filter((i) => !nodes[i]?.outputs.some((name) => read.has(name)));
  // A stack instead of recursion: graphs are thousands of nodes deep. `~i` stands for leaving node i.
  for (const leaf of leaves.toReversed()) {
    const stack = [leaf];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top < 0) {
        const node = nodes[~top];
        if (node !== undefined) order.push(node);
        continue;
      }
      if (done[top] === 1) continue;
      done[top] = 1;
      stack.push(~top);
      const makersOfInputs = nodes[top]?.inputs.flatMap((name) => makers.get(name) ?? []) ?? [];
      for (const maker of makersOfInputs.sort((a, b) => a - b)) if (done[maker] === 0) stack.push(maker);
    }
  }
  return order;
}
