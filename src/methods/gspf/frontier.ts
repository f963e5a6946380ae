import { GspfError } from '../../errors.ts';
import type { Graph } from '../../graph/graph.ts';
import type { SelectOptions } from '../../options/options.ts';
import { layerOf } from './scopes.ts';

/** The place of every weight tensor in the depth of a model. */
export interface Depths {
  /** Number of its numbered layers. */
  readonly layers: number;
  /**
   * The layer of a tensor, plus ½ in the second half of a layer that has two: −1 for what is used before the first,
   * `layers` for what is used after the last.
   */
  readonly of: (tensor: string) => number;
}

/**
 * Numbers the layers of a model from 0, in the order in which its forward graph first uses their weights.
 *
 * A layer is what `layerOf` takes for one and ends in a number; a tensor outside of layers that is used between two
 * of them belongs to the upper one. A layer has two halves where its matrices lie in two stages ({@link stages}), as those of
 * attention and of the feed-forward network do.
 *
 * @param tensors Names of the weight tensors among the graph's inputs.
 */
export function layerDepths(graph: Graph, tensors: Iterable<string>): Depths {
  const names = new Set(tensors);
  const layers = new Map<string, number>();
  const depths = new Map<string, number>();
  const members = new Map<number, string[]>();
  for (const name of graph.nodes.flatMap(({ inputs }) => inputs)) {
    if (!names.has(name) || depths.has(name)) continue;
    const layer = layerOf(name);
    if (!/\.\d+$/.test(layer)) {
      depths.set(name, layers.size === 0 ? -1 : layers.size);
      continue;
    }
    const depth = layers.get(layer) ?? layers.size;
    layers.set(layer, depth);
    depths.set(name, depth);
    members.set(depth, [...(members.get(depth) ?? []), name]);
  }
  const stageOf = stages(graph, names);
  const matrices = new Set(graph.inputs.filter(({ shape }) => shape.length > 1).map(({ name }) => name));
  for (const [depth, own] of members) {
    const second = secondHalf(own, matrices, stageOf);
    for (const name of second) depths.set(name, depth + 0.5);
  }
  return { layers: layers.size, of: (tensor) => depths.get(tensor) ?? -1 };
}

/** The tensors of a layer from the second of its two stages with matrices on; none where it has fewer or more. */
function secondHalf(
  tensors: readonly string[],
  matrices: ReadonlySet<string>,
  stageOf: ReadonlyMap<string, number>,
): readonly string[] {
  const found = new Set(tensors.filter((name) => matrices.has(name)).map((name) => stageOf.get(name) ?? 0));
  if (found.size !== 2) return [];
  const second = Math.max(...found);
  return tensors.filter((name) => (stageOf.get(name) ?? 0) >= second);
}

/**
 * The stage in which each weight tensor is first used. A stage ends wherever all that comes of the weights and the
 * examples so far goes on as a single value: after each residual sum, for instance. Masks, which no weight enters, do not count.
 */
function stages({ nodes, inputs }: Graph, tensors: ReadonlySet<string>): ReadonlyMap<string, number> {
  const ofExamples = new Set(inputs.map(({ name }) => name).filter((name) => !tensors.has(name)));
  /** The weights that a value is made of, where nothing else is: a transposed matrix, say. */
  const ofWeights = new Map<string, readonly string[]>([...tensors].map((name) => [name, [name]]));
  const lastUse = new Map(nodes.flatMap((node, i) => node.inputs.map((name) => [name, i] as const)));
  const found = new Map<string, number>();
  const flowing = new Set<string>();
  let stage = 0;
  let open = -1;
  nodes.forEach((node, i) => {
    // Of a value's extents, which all examples share, nothing flows on.
    if (node.opType === 'Shape') return;
    const weights = node.inputs.flatMap((name) => ofWeights.get(name) ?? []);
    const readsExamples = node.inputs.some((name) => ofExamples.has(name));
    const flows = node.inputs.some((name) => flowing.has(name)) || (readsExamples && weights.length > 0);
    if (!flows) {
      for (const output of node.outputs) {
        if (readsExamples) ofExamples.add(output);
        else if (weights.length > 0) ofWeights.set(output, weights);
      }
      return;
    }
    for (const name of weights) if (!found.has(name)) found.set(name, stage);
    if (open <= i) stage += 1;
    for (const output of node.outputs) {
      flowing.add(output);
      open = Math.max(open, lastUse.get(output) ?? i);
    }
  });
  return found;
}

/**
 * The tensors at or above the frontier: the backward pass goes no deeper than they need. All, where it is still to be
 * chosen by their scores.
 *
 * @throws `usage/option` for a frontier above the last layer, and where nothing is left.
 */
export function aboveFrontier(
  eligible: readonly string[],
  frontier: SelectOptions['frontier'],
  depths: Depths,
): readonly string[] {
  if (frontier === 'none' || frontier === 'auto') return eligible;
  if (frontier > depths.layers) {
    throw new GspfError('usage/option', {
      subject: 'select.frontier',
      expected: `at most ${depths.layers}, beyond the last of the model's layers`,
      got: `${frontier}`,
    });
  }
  const above = eligible.filter((name) => depths.of(name) >= frontier);
  if (above.length > 0) return above;
  throw new GspfError('usage/option', {
    subject: 'select.frontier',
    expected: 'some eligible tensor at or above it',
    got: `${frontier}`,
  });
}

/** A place in the depth of a model, in words. */
export function placeOf(depth: number, layers: number): string {
  if (depth >= layers) return 'what follows the last layer';
  const layer = `layer ${Math.floor(depth)} (of 0 to ${layers - 1})`;
  return Number.isInteger(depth) ? layer : `the second half of ${layer}`;
}
