import { GspfError } from '../../errors.ts';
import { intAttribute, stringAttribute } from '../../graph/attributes.ts';
import { describeNode, type Node } from '../../graph/graph.ts';
import type { Shape, TensorType } from '../../tensor.ts';
import type { InferContext } from '../definition.ts';
import { requiredType, shapeError } from '../shapes.ts';

/** An activation by its name, with the two numbers that some take. */
export interface Activation {
  readonly name: string;
  readonly alpha: number;
  readonly beta: number;
}

/** The activations that ONNX lets a recurrent cell have, each with its defaults; undefined: takes no such number. */
const activationDefaults: Readonly<Record<string, readonly [number | undefined, number | undefined]>> = {
  affine: [1, 0],
  elu: [1, undefined],
  hardsigmoid: [0.2, 0.5],
  leakyrelu: [0.01, undefined],
  relu: [undefined, undefined],
  scaledtanh: [1, 1],
  sigmoid: [undefined, undefined],
  softplus: [undefined, undefined],
  softsign: [undefined, undefined],
  tanh: [undefined, undefined],
  thresholdedrelu: [1, undefined],
};

/**
 * The activations of each direction: those of the node, else the cell's own. The numbers of `activation_alpha` and
 * `activation_beta` go, in order, to the activations that take one.
 *
 * @throws `graph/operator` for an activation that ONNX does not have.
 */
export function activationsOf(node: Node, defaults: readonly string[]): readonly (readonly Activation[])[] {
  const count = directionsOf(node).length;
  const given = node.attributes['activations'];
  const names =
    given?.type === 'strings' && given.value.length > 0
      ? given.value
      : Array.from({ length: count }, () => defaults).flat();
  const numbers = (name: string): number[] => {
    const attribute = node.attributes[name];
    return attribute?.type === 'floats' ? [...attribute.value] : [];
  };
  const [alphas, betas] = [numbers('activation_alpha'), numbers('activation_beta')];
  const all = names.map((name): Activation => {
    const known = activationDefaults[name.toLowerCase()];
    if (known === undefined) {
      throw new GspfError('graph/operator', {
        subject: `${describeNode(node)}, attribute "activations"`,
        expected: `activations among ${Object.keys(activationDefaults).join(', ')}`,
        got: `"${name}"`,
      });
    }
    const [alpha, beta] = known;
    return {
      name: name.toLowerCase(),
      alpha: alpha === undefined ? 0 : (alphas.shift() ?? alpha),
      beta: beta === undefined ? 0 : (betas.shift() ?? beta),
    };
  });
  const each = defaults.length;
  return Array.from({ length: count }, (_, d) => all.slice(d * each, (d + 1) * each));
}

/** For each direction, whether it reads the sequence from its end. */
export function directionsOf(node: Node): readonly boolean[] {
  const direction = stringAttribute(node, 'direction', 'forward');
  if (direction === 'bidirectional') return [false, true];
  return [direction === 'reverse'];
}

/** Extents of a recurrent node. Its sequences are `[steps, batch, features]`. */
export interface RecurrentShapes {
  readonly steps: number;
  readonly batch: number;
  readonly features: number;
  readonly hidden: number;
  readonly directions: number;
}

/** @throws `graph/shape` where X, W and R do not fit each other. */
export function recurrentShapes(node: Node, x: Shape, w: Shape, r: Shape, gates: number): RecurrentShapes {
  const [steps = 0, batch = 0, features = 0] = x;
  const hidden = r.at(-1) ?? 0;
  const directions = directionsOf(node).length;
  const expectShape = (name: string, shape: Shape, expected: Shape): void => {
    if (`${shape}` !== `${expected}`) throw shapeError(node, `${name} of shape [${expected}]`, `[${shape}]`);
  };
  expectShape('X', x, [steps, batch, features]);
  expectShape('W', w, [directions, gates * hidden, features]);
  expectShape('R', r, [directions, gates * hidden, hidden]);
  return { steps, batch, features, hidden, directions };
}

/** Types of Y, Y_h and, for LSTM, Y_c. Sequences along the second axis are brought into the first by `rewrite`. */
export function inferRecurrent(c: InferContext, gates: number): readonly TensorType[] {
  const { dtype, shape } = requiredType(c, 0);
  const [w, r] = [requiredType(c, 1).shape, requiredType(c, 2).shape];
  if (intAttribute(c.node, 'layout', 0) !== 0) {
    throw shapeError(c.node, 'layout 0', 'layout 1');
  }
  const { steps, batch, hidden, directions } = recurrentShapes(c.node, shape, w, r, gates);
  const state = { dtype, shape: [directions, batch, hidden] };
  return [{ dtype, shape: [steps, directions, batch, hidden] }, state, state];
}
