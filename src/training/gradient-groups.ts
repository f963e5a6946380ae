import type { Graph } from '../graph/graph.ts';
import { dependents } from '../graph/topology.ts';
import type { Sizes } from '../methods/selection.ts';
import type { Placement } from './batch-gradients.ts';

/**
 * Tensors in the order in which backpropagation comes to their gradients: those first that the forward pass reads last, ties
 * in the order given. A weight is read where it first meets something that is fed.
 *
 * @param graph Of the forward pass, its weights among its inputs.
 */
export function fromTopDown(graph: Graph, names: readonly string[]): readonly string[] {
  const weights = new Set(names);
  const fed = graph.inputs.filter(({ name }) => !weights.has(name)).map(({ name }) => name);
  const moving = dependents(graph.nodes, fed);
  const sources = new Map<string, readonly string[]>(names.map((name) => [name, [name]]));
  const readAt = new Map<string, number>();
  for (const [at, { inputs, outputs }] of graph.nodes.entries()) {
    const read = inputs.flatMap((name) => sources.get(name) ?? []);
    if (read.length === 0) continue;
    if (outputs.some((name) => moving.has(name))) {
      for (const name of read) if (!readAt.has(name)) readAt.set(name, at);
    } else for (const name of outputs) sources.set(name, read);
  }
  const position = (name: string): number => readAt.get(name) ?? -1;
  return names.toSorted((a, b) => position(b) - position(a));
}

/** Consecutive tensors in groups of so many elements at most; a larger tensor is a group of its own. */
export function groupsUpTo(
  names: readonly string[],
  sizes: Sizes,
  most: number,
): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let room = 0;
  for (const name of names) {
    const size = sizes.get(name) ?? 0;
    if (size > Math.max(room, 0) || groups.length === 0) {
      groups.push([]);
      room = most;
    }
    groups.at(-1)?.push(name);
    room -= size;
  }
  return groups;
}

/** Where tensors begin in memory of which one group is wanted at a time, each at a multiple of four, and its length. */
export function sharedStarts(
  groups: readonly (readonly string[])[],
  sizes: Sizes,
): { readonly starts: ReadonlyMap<string, number>; readonly length: number } {
  const starts = new Map<string, number>();
  let length = 0;
  for (const names of groups) {
    let used = 0;
    for (const name of names) {
      starts.set(name, used);
      used += Math.ceil((sizes.get(name) ?? 0) / 4) * 4;
    }
    length = Math.max(length, used);
  }
  return { starts, length };
}

/** Memory for gradients of which one group is wanted at a time. */
export function sharedByGroups(groups: readonly (readonly string[])[], sizes: Sizes): Placement {
  const { starts, length } = sharedStarts(groups, sizes);
  const memory = new Float32Array(length);
  return (name, wanted) => {
    const start = starts.get(name);
    return start === undefined ? undefined : memory.subarray(start, start + wanted);
  };
}
