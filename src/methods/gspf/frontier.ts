import { GspfError } from '../../errors.ts';
import type { Graph } from '../../graph/graph.ts';
import type { SelectOptions } from '../../options/options.ts';
import { layerOf } from './scopes.ts';

/** The place of every weight tensor in the depth of a model. */
export interface Depths {
  /** Number of its numbered layers. */
  readonly layers: number;
  /** The layer of a tensor: −1 for what is used before the first, `layers` for what is used after the last. */
  readonly of: (tensor: string) => number;
}

/**
 * Numbers the layers of a model from 0, in the order in which its forward graph first uses their weights.
 *
 * A layer is what `layerOf` takes for one and ends in a number; a tensor outside of layers that is used between two
 * of them belongs to the upper one.
 *
 * @param tensors Names of the weight tensors among the graph's inputs.
 */
export function layerDepths(graph: Graph, tensors: Iterable<string>): Depths {
  const names = new Set(tensors);
  const layers = new Map<string, number>();
  const depths = new Map<string, number>();
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
  }
  return { layers: layers.size, of: (tensor) => depths.get(tensor) ?? -1 };
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
