import { floatAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import type { GradientContext, GradientRule, OpDefinition, OpFamily, Value } from './definition.ts';
import {
  broadcastShapes,
  broadcastStrides,
  offsets,
  requiredArray,
  requiredType,
  shapeError,
} from './shapes.ts';

/** An operator of one input that keeps type and shape and takes attributes. */
function activation(f: (x: number, node: Node) => number, gradient: GradientRule): OpDefinition {
  return {
    infer: (c) => [requiredType(c, 0)],
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      return [{ dtype, shape, data: data.map((x) => f(x, c.node)) }];
    },
    gradients: [gradient],
  };
}

const alphaOf = (node: Node, fallback: number): number => floatAttribute(node, 'alpha', fallback);
const betaOf = (node: Node): number => floatAttribute(node, 'beta', 0.5);
const SELU_ALPHA = 1.6732631921768188;
const SELU_GAMMA = 1.0507010221481323;
const gammaOf = (node: Node): number => floatAttribute(node, 'gamma', SELU_GAMMA);
const lambdOf = (node: Node): number => floatAttribute(node, 'lambd', 0.5);

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** g where x is above a bound, and `below` elsewhere. */
const above = (
  { g, x, op }: GradientContext,
  bound: number,
  below: Value | number,
  positive: Value = g,
): Value => op('Where', [op('Greater', [x, bound]), positive, below]);

export const activations: OpFamily<
  | 'Celu'
  | 'Elu'
  | 'HardSigmoid'
  | 'HardSwish'
  | 'LeakyRelu'
  | 'Mish'
  | 'PRelu'
  | 'Selu'
  | 'Shrink'
  | 'Softplus'
  | 'Softsign'
  | 'ThresholdedRelu'
> = {
  // y = x, or α(e^(x/α) − 1) where x ≤ 0: dx = g, or g(y/α + 1)
  Celu: activation(
    (x, node) => (x > 0 ? x : alphaOf(node, 1) * Math.expm1(x / alphaOf(node, 1))),
    (c) => {
      const slope = c.op('Add', [c.op('Mul', [c.output(0), 1 / alphaOf(c.node, 1)]), 1]);
      return above(c, 0, c.op('Mul', [c.g, slope]));
    },
  ),
  // y = x, or α(eˣ − 1) where x ≤ 0: dx = g, or g(y + α)
  Elu: activation(
    (x, node) => (x > 0 ? x : alphaOf(node, 1) * Math.expm1(x)),
    (c) => above(c, 0, c.op('Mul', [c.g, c.op('Add', [c.output(0), alphaOf(c.node, 1)])])),
  ),
  // y = αx + β held within 0 and 1: dx = αg where it is strictly between
  HardSigmoid: activation(
    (x, node) => Math.min(1, Math.max(0, alphaOf(node, 0.2) * x + betaOf(node))),
    ({ node, g, output, op }) => {
      const between = op('And', [op('Greater', [output(0), 0]), op('Less', [output(0), 1])]);
      return op('Where', [between, op('Mul', [g, alphaOf(node, 0.2)]), 0]);
    },
  ),
  // y = x·min(1, max(0, x/6 + ½)): dx = g(x/3 + ½) for |x| < 3, g beyond, 0 below
  HardSwish: activation(
    (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
    (c) => {
      const slope = c.op('Add', [c.op('Mul', [c.x, 1 / 3]), 0.5]);
      return above(c, -3, 0, c.op('Where', [c.op('Less', [c.x, 3]), c.op('Mul', [c.g, slope]), c.g]));
    },
  ),
  // y = x, or αx where x ≤ 0: dx = g, or αg
  LeakyRelu: activation(
    (x, node) => (x > 0 ? x : alphaOf(node, 0.01) * x),
    (c) => above(c, 0, c.op('Mul', [c.g, alphaOf(c.node, 0.01)])),
  ),
  // y = x·t with t = tanh(ln(1 + eˣ)): dx = g(t + x·σ(x)·(1 − t²))
  Mish: activation(
    (x) => x * Math.tanh(softplus(x)),
    ({ g, x, op }) => {
      const t = op('Tanh', [op('Softplus', [x])]);
      const slope = op('Mul', [op('Mul', [x, op('Sigmoid', [x])]), op('Sub', [1, op('Mul', [t, t])])]);
      return op('Mul', [g, op('Add', [t, slope])]);
    },
  ),
  // y = x, or s·x where x ≤ 0: dx = g, or s·g; ds = 0, or g·x
  PRelu: {
    infer: (c) => {
      const [x, slope] = [requiredType(c, 0), requiredType(c, 1)];
      if (`${broadcastShapes([slope.shape, x.shape])}` === `${x.shape}`) return [x];
      throw shapeError(c.node, `a slope that broadcasts to [${x.shape}]`, `[${slope.shape}]`);
    },
    evaluate: (c) => {
      const [{ dtype, shape, data }, slope] = [requiredArray(c, 0), requiredArray(c, 1)];
      const at = offsets(shape, broadcastStrides(slope.shape, shape));
      return [{ dtype, shape, data: data.map((x, i) => (x > 0 ? x : x * (slope.data[at[i] ?? 0] ?? 0))) }];
    },
    gradients: [
      (c) => above(c, 0, c.op('Mul', [c.g, c.input(1)])),
      ({ g, input, op }) => op('Where', [op('Greater', [input(0), 0]), 0, op('Mul', [g, input(0)])]),
    ],
  },
  // y = γx, or γα(eˣ − 1) where x ≤ 0: dx = γg, or g(y + γα)
  Selu: activation(
    (x, node) => gammaOf(node) * (x > 0 ? x : alphaOf(node, SELU_ALPHA) * Math.expm1(x)),
    (c) => {
      const gamma = gammaOf(c.node);
      const slope = c.op('Add', [c.output(0), gamma * alphaOf(c.node, SELU_ALPHA)]);
      return above(c, 0, c.op('Mul', [c.g, slope]), c.op('Mul', [c.g, gamma]));
    },
  ),
  // y = x − bias above λ, x + bias below −λ, else 0: dx = g outside of ±λ
  Shrink: activation(
    (x, node) => {
      const bias = floatAttribute(node, 'bias', 0);
      if (x > lambdOf(node)) return x - bias;
      return x < -lambdOf(node) ? x + bias : 0;
    },
    ({ node, g, x, op }) => op('Where', [op('Greater', [op('Abs', [x]), lambdOf(node)]), g, 0]),
  ),
  // y = ln(1 + eˣ): dx = g·σ(x)
  Softplus: activation(softplus, ({ g, x, op }) => op('Mul', [g, op('Sigmoid', [x])])),
  // y = x/(1 + |x|): dx = g(1 − |y|)²
  Softsign: activation(
    (x) => x / (1 + Math.abs(x)),
    ({ g, output, op }) => {
      const rest = op('Sub', [1, op('Abs', [output(0)])]);
      return op('Mul', [g, op('Mul', [rest, rest])]);
    },
  ),
  // y = x above α, else 0: dx = g above α
  ThresholdedRelu: activation(
    (x, node) => (x > alphaOf(node, 1) ? x : 0),
    (c) => above(c, alphaOf(c.node, 1), 0),
  ),
};
