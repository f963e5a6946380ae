import { describeNode, type Graph } from '../graph/graph.ts';
import { isFloat, type Tensor } from '../tensor.ts';
import { constantByUse } from './constant-by-use.ts';
import { gradientFlow } from './gradient-flow.ts';
import { areCosineAndSine, constantByValue } from './values.ts';
import { wiringOf } from './wiring.ts';

/** What an initializer is to training, and why. */
export type Role =
  | { readonly kind: 'weight' }
  /** A float tensor with a gradient that is no weight all the same: √2, a mask, a rotary table. */
  | { readonly kind: 'constant'; readonly reason: string }
  /** A float tensor that no gradient reaches. */
  | { readonly kind: 'unreached'; readonly reason: string }
  /** Integers and booleans: shapes, indices, quantised weights. */
  | { readonly kind: 'not-float' };

/**
 * Which initializers of a graph are weights: by what gradients reach, where they are read, their shapes and values.
 * Names count only where exporters make them up.
 *
 * @param graph In float32, its constants as initializers (`singlePrecision`).
 * @param named Names that are weights if a gradient reaches them, whatever they look like.
 */
export function initializerRoles(graph: Graph, named: ReadonlySet<string>): ReadonlyMap<string, Role> {
  const { reached, stops } = gradientFlow(graph);
  const wiring = wiringOf(graph);
  const roles = new Map<string, Role>();
  const weights: [string, Tensor<'float32'>][] = [];
  for (const [name, tensor] of graph.initializers) {
    if (!isFloat(tensor.dtype)) roles.set(name, { kind: 'not-float' });
    else if (!reached.has(name)) {
      const stop = stops.get(name);
      const reason =
        stop === undefined ? 'no output depends on it' : `${describeNode(stop)} has no derivative in it`;
      roles.set(name, { kind: 'unreached', reason });
    } else if (tensor.dtype !== 'float32') {
      roles.set(name, { kind: 'constant', reason: `it is ${tensor.dtype}` });
    } else if (named.has(name)) roles.set(name, { kind: 'weight' });
    else {
      const reason = constantByValue(tensor) ?? constantByUse(name, tensor, wiring);
      roles.set(name, reason === undefined ? { kind: 'weight' } : { kind: 'constant', reason });
      if (reason === undefined) weights.push([name, tensor]);
    }
  }
  for (const name of rotaryTables(weights)) {
    roles.set(name, { kind: 'constant', reason: 'a rotary table: with another one it is cosine and sine' });
  }
  return roles;
}

/** Pairs of tensors that are cosines and sines of the same angles. */
function rotaryTables(weights: readonly (readonly [string, Tensor<'float32'>])[]): ReadonlySet<string> {
  const found = new Set<string>();
  weights.forEach(([name, tensor], i) => {
    for (const [other, candidate] of weights.slice(i + 1)) {
      if (areCosineAndSine(tensor, candidate)) {
        found.add(name);
        found.add(other);
      }
    }
  });
  return found;
}
