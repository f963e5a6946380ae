import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../tensor.ts';
import type {
  GradientContext,
  NumericArray,
  OpDefinition,
  OpFamily,
  TypeContext,
  Value,
} from './definition.ts';
import { fromNumeric } from './numeric.ts';
import { sumKeeping } from './reductions.ts';
import { requiredArray, requiredType, shapeError } from './shapes.ts';
import { type Standardized, standardize, standardizeRows, standardizeSlope } from './standardization.ts';

const epsilonOf = ({ node }: Pick<TypeContext, 'node'>): number => floatAttribute(node, 'epsilon', 1e-5);

/** X `[n, c, …]` with one number for each channel in every other input. */
function inferByChannel(c: TypeContext) {
  const x = requiredType(c, 0);
  const channels = x.shape[1] ?? 1;
  for (let i = 1; i < c.node.inputs.length; i++) {
    const { shape } = requiredType(c, i);
    if (sizeOf(shape) !== channels)
      throw shapeError(c.node, `input ${i} of shape [${channels}]`, `[${shape}]`);
  }
  return x;
}

/** A value of one number for each channel, aligned with x. */
function aligned(c: GradientContext, value: Value): Value {
  const [, channels = 1, ...spatial] = c.input(0).shape;
  return c.reshape(value, [channels, ...spatial.map(() => 1)]);
}

/** A value of x's shape, summed over everything but the channels. */
function byChannel(c: GradientContext, value: Value): Value {
  const axes = value.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return c.reshape(sumKeeping(c, value, axes), c.x.shape);
}

/** Calls `visit` with each element's position and channel. */
function channelOf({ shape }: NumericArray): (position: number) => number {
  const [, channels = 1, ...spatial] = shape;
  const area = sizeOf(spatial);
  return (position) => Math.floor(position / area) % channels;
}

const trains = ({ node }: Pick<TypeContext, 'node'>): boolean => intAttribute(node, 'training_mode', 0) === 1;

/** All axes but that of the channels. */
const batchAxes = (rank: number): readonly number[] =>
  Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);

/** 1/√(variance + ε), aligned with x. */
function frozenInverse(c: GradientContext): Value {
  return c.op('Reciprocal', [c.op('Sqrt', [c.op('Add', [aligned(c, c.input(4)), epsilonOf(c)])])]);
}

const frozenCentred = (c: GradientContext): Value => c.op('Sub', [c.input(0), aligned(c, c.input(3))]);

/** x̂ of the batch, with its inverse deviation. */
const batchStandardized = (c: GradientContext): Standardized =>
  standardize(c, c.input(0), batchAxes(c.input(0).shape.length), epsilonOf(c));

const batchNormalization: OpDefinition = {
  infer: (c) => {
    const x = inferByChannel(c);
    const statistics = requiredType(c, 3);
    return trains(c) ? [x, statistics, statistics] : [x];
  },
  evaluate: (c) => {
    const x = requiredArray(c, 0);
    const [scale, bias, runningMean, runningVariance] = [1, 2, 3, 4].map((i) => requiredArray(c, i));
    const channel = channelOf(x);
    const statistics = trains(c) ? channelStatistics(x, channel) : undefined;
    const mean = statistics?.mean ?? runningMean?.data;
    const variance = statistics?.variance ?? runningVariance?.data;
    const data = x.data.map((value, i) => {
      const k = channel(i);
      const inverse = 1 / Math.sqrt((variance?.[k] ?? 0) + epsilonOf(c));
      return (value - (mean?.[k] ?? 0)) * inverse * (scale?.data[k] ?? 1) + (bias?.data[k] ?? 0);
    });
    const y = { dtype: x.dtype, shape: x.shape, data };
    if (statistics === undefined || runningMean === undefined || runningVariance === undefined) return [y];
    const momentum = floatAttribute(c.node, 'momentum', 0.9);
    const moved = (running: NumericArray, batch: Float64Array): NumericArray => ({
      ...running,
      data: running.data.map((old, k) => old * momentum + (batch[k] ?? 0) * (1 - momentum)),
    });
    return [y, moved(runningMean, statistics.mean), moved(runningVariance, statistics.variance)];
  },
  // Frozen statistics: x̂ = (x − m)·i with i = 1/√(v + ε): dx = gγi, dγ = Σg·x̂, dβ = Σg, dm = −Σgγi,
  // dv = −½Σgγ(x − m)i³. In training mode m and v are the batch's, and their inputs only enter the running ones.
  gradients: [
    (c) => {
      const scaled = c.op('Mul', [c.g, aligned(c, c.input(1))]);
      if (!trains(c)) return c.op('Mul', [scaled, frozenInverse(c)]);
      return standardizeSlope(c, scaled, batchStandardized(c), batchAxes(c.x.shape.length));
    },
    (c) => {
      const xHat = trains(c) ? batchStandardized(c).xHat : c.op('Mul', [frozenCentred(c), frozenInverse(c)]);
      return byChannel(c, c.op('Mul', [c.g, xHat]));
    },
    (c) => byChannel(c, c.g),
    (c) => {
      if (trains(c)) return c.zeros(c.x.shape);
      const scaled = c.op('Mul', [c.g, aligned(c, c.input(1))]);
      return byChannel(c, c.op('Neg', [c.op('Mul', [scaled, frozenInverse(c)])]));
    },
    (c) => {
      if (trains(c)) return c.zeros(c.x.shape);
      const inverse = frozenInverse(c);
      const cubed = c.op('Mul', [inverse, c.op('Mul', [inverse, inverse])]);
      const factor = c.op('Mul', [c.op('Mul', [aligned(c, c.input(1)), -0.5]), cubed]);
      return byChannel(c, c.op('Mul', [c.op('Mul', [c.g, frozenCentred(c)]), factor]));
    },
  ],
};

/** Mean and variance (over n, not n − 1) of each channel. */
function channelStatistics(x: NumericArray, channel: (position: number) => number) {
  const channels = x.shape[1] ?? 1;
  const size = x.data.length / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  x.data.forEach((value, i) => {
    mean[channel(i)] = (mean[channel(i)] ?? 0) + value / size;
  });
  x.data.forEach((value, i) => {
    variance[channel(i)] = (variance[channel(i)] ?? 0) + (value - (mean[channel(i)] ?? 0)) ** 2 / size;
  });
  return { mean, variance };
}

const spatialAxes = (rank: number): readonly number[] =>
  Array.from({ length: rank - 2 }, (_, axis) => axis + 2);

const planeStandardized = (c: GradientContext): Standardized =>
  standardize(c, c.input(0), spatialAxes(c.input(0).shape.length), epsilonOf(c));

const instanceNormalization: OpDefinition = {
  infer: (c) => [inferByChannel(c)],
  evaluate: (c) => {
    const x = requiredArray(c, 0);
    const [scale, bias] = [requiredArray(c, 1).data, requiredArray(c, 2).data];
    const channel = channelOf(x);
    const xHat = standardizeRows(x.data, sizeOf(x.shape.slice(2)), (variance) =>
      Math.sqrt(variance + epsilonOf(c)),
    );
    const data = xHat.map((value, i) => value * (scale[channel(i)] ?? 1) + (bias[channel(i)] ?? 0));
    return [{ dtype: x.dtype, shape: x.shape, data }];
  },
  gradients: [
    (c) => {
      const scaled = c.op('Mul', [c.g, aligned(c, c.input(1))]);
      return standardizeSlope(c, scaled, planeStandardized(c), spatialAxes(c.x.shape.length));
    },
    (c) => byChannel(c, c.op('Mul', [c.g, planeStandardized(c).xHat])),
    (c) => byChannel(c, c.g),
  ],
};

/** LRN's attributes: y = x / d^β with d = bias + α/size·Σ x² over `size` neighbouring channels. */
function neighbourhood({ node }: Pick<TypeContext, 'node'>) {
  const size = intAttribute(node, 'size', 1);
  return {
    scale: floatAttribute(node, 'alpha', 1e-4) / size,
    beta: floatAttribute(node, 'beta', 0.75),
    bias: floatAttribute(node, 'bias', 1),
    below: Math.floor((size - 1) / 2),
    above: Math.ceil((size - 1) / 2),
  };
}

/** Σ over the channels from k − below to k + above, as a product with a matrix of ones about its diagonal. */
function sumOfNeighbours(c: GradientContext, x: Value, below: number, above: number): Value {
  const [n = 0, channels = 0, ...spatial] = x.shape;
  const data = new Float64Array(channels * channels);
  for (let k = 0; k < channels; k++) {
    for (let j = Math.max(0, k - below); j <= Math.min(channels - 1, k + above); j++)
      data[k * channels + j] = 1;
  }
  const band = c.constant(fromNumeric({ dtype: x.dtype, shape: [channels, channels], data }));
  return c.reshape(c.op('MatMul', [band, c.reshape(x, [n, channels, sizeOf(spatial)])]), x.shape);
}

const lrn: OpDefinition = {
  infer: (c) => [requiredType(c, 0)],
  evaluate: (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const { scale, beta, bias, below, above } = neighbourhood(c);
    const [, channels = 1, ...spatial] = shape;
    const area = sizeOf(spatial);
    const y = data.map((value, i) => {
      const k = Math.floor(i / area) % channels;
      let sum = 0;
      for (let j = Math.max(0, k - below); j <= Math.min(channels - 1, k + above); j++) {
        sum += (data[i + (j - k) * area] ?? 0) ** 2;
      }
      return value / (bias + scale * sum) ** beta;
    });
    return [{ dtype, shape, data: y }];
  },
  // dx = g·d^−β − 2αβ/size·x·Σ g·x·d^(−β−1) over the channels that have x's as a neighbour
  gradients: [
    (c) => {
      const { scale, beta, bias, below, above } = neighbourhood(c);
      const sum = sumOfNeighbours(c, c.op('Mul', [c.x, c.x]), below, above);
      const d = c.op('Add', [c.op('Mul', [sum, scale]), bias]);
      const direct = c.op('Mul', [c.g, c.op('Pow', [d, -beta])]);
      const spread = sumOfNeighbours(c, c.op('Div', [c.op('Mul', [c.g, c.output(0)]), d]), above, below);
      return c.op('Sub', [direct, c.op('Mul', [c.op('Mul', [c.x, spread]), 2 * scale * beta])]);
    },
  ],
};

export const channelNormalization: OpFamily<'BatchNormalization' | 'InstanceNormalization' | 'LRN'> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: lrn,
};
