import { GspfError } from '../errors.ts';
import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { describeNode, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf, type TensorType } from '../tensor.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { sumKeeping } from './reductions.ts';
import { normalizeAxis, requiredArray, requiredType, shapeError, stridesOf } from './shapes.ts';
import { mean } from './standardization.ts';

const softmaxAxis = (node: Node, shape: Shape): number =>
  normalizeAxis(intAttribute(node, 'axis', -1), shape.length, node);

function inferSoftmax(c: InferContext): readonly TensorType[] {
  const x = requiredType(c, 0);
  softmaxAxis(c.node, x.shape);
  return [x];
}

/** Softmax or its logarithm, along one axis. */
function softmaxKernel(finish: (x: number, max: number, sum: number) => number): OpDefinition['evaluate'] {
  return (c) => {
    const { dtype, shape, data } = requiredArray(c, 0);
    const axis = softmaxAxis(c.node, shape);
    const stride = stridesOf(shape)[axis] ?? 1;
    const extent = shape[axis] ?? 1;
    const result = new Float64Array(data.length);
    for (let start = 0; start < data.length; start++) {
      if (Math.floor(start / stride) % extent !== 0) continue;
      let max = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < extent; i++) max = Math.max(max, data[start + i * stride] ?? 0);
      let sum = 0;
      for (let i = 0; i < extent; i++) sum += Math.exp((data[start + i * stride] ?? 0) - max);
      for (let i = 0; i < extent; i++) {
        result[start + i * stride] = finish(data[start + i * stride] ?? 0, max, sum);
      }
    }
    return [{ dtype, shape, data: result }];
  };
}

/** The normalised axes of LayerNormalization: from `axis` to the last. */
function layerAxes(node: Node, rank: number): readonly number[] {
  const first = normalizeAxis(intAttribute(node, 'axis', -1), rank, node);
  return Array.from({ length: rank - first }, (_, i) => first + i);
}

function inferLayerNormalization(c: InferContext) {
  const x = requiredType(c, 0);
  const axes = layerAxes(c.node, x.shape.length);
  const normalized = x.shape.slice(axes[0]);
  for (const i of [1, 2]) {
    const type = c.inputs[i];
    if (type !== undefined && sizeOf(type.shape) !== sizeOf(normalized)) {
      throw shapeError(c.node, `${i === 1 ? 'scale' : 'bias'} shape [${normalized}]`, `[${type.shape}]`);
    }
  }
  const statistics = {
    dtype: x.dtype,
    shape: x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)),
  };
  return [x, statistics, statistics];
}

const evaluateLayerNormalization: OpDefinition['evaluate'] = (c) => {
  const { dtype, shape, data } = requiredArray(c, 0);
  const scale = requiredArray(c, 1).data;
  const bias = c.inputs[2]?.data;
  const epsilon = floatAttribute(c.node, 'epsilon', 1e-5);
  const axes = layerAxes(c.node, shape.length);
  const size = sizeOf(shape.slice(axes[0]));
  const rows = data.length / size;
  const y = new Float64Array(data.length);
  const means = new Float64Array(rows);
  const inverseDeviations = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const x = data.subarray(row * size, (row + 1) * size);
    const mean = x.reduce((sum, v) => sum + v, 0) / size;
    const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
    const inverse = 1 / Math.sqrt(variance + epsilon);
    means[row] = mean;
    inverseDeviations[row] = inverse;
    x.forEach((v, i) => {
      y[row * size + i] = (v - mean) * inverse * (scale[i] ?? 1) + (bias?.[i] ?? 0);
    });
  }
  const statistics = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return [
    { dtype, shape, data: y },
    { dtype, shape: statistics, data: means },
    { dtype, shape: statistics, data: inverseDeviations },
  ];
};

/** x − mean, from the statistics that the forward node already has. */
function centred(c: GradientContext): Value {
  if (c.cotangent(1) !== undefined || c.cotangent(2) !== undefined) {
    throw new GspfError('graph/not-differentiable', {
      subject: describeNode(c.node),
      expected: 'a loss that uses the normalised output only',
      got: 'one that uses its Mean or InvStdDev output too',
    });
  }
  return c.op('Sub', [c.input(0), c.output(1)]);
}

/**
 * With n the normalised size, x̃ = x − mean and x̂ = inv·x̃: dx = inv·(gγ − Σ(gγ)/n − x̂·Σ(gγ·x̂)/n), where x̂·Σ(gγ·x̂) is
 * x̃·inv²·Σ(γ·gx̃): gx̃ is what the gradient of γ adds up too, and its sum with γ a product of matrices.
 */
function layerNormalizationInput(c: GradientContext): Value {
  const { x, g, op, input, output } = c;
  const axes = layerAxes(c.node, x.shape.length);
  const size = sizeOf(x.shape.slice(axes[0]));
  const deviation = centred(c);
  const along = weightedSum(c, op('Mul', [g, deviation]), input(1), axes);
  const inverse = output(2);
  const slope = op('Mul', [along, op('Mul', [op('Mul', [inverse, inverse]), 1 / size])]);
  const scaled = op('Mul', [g, input(1)]);
  const rest = op('Sub', [op('Sub', [scaled, mean(c, scaled, axes)]), op('Mul', [deviation, slope])]);
  return op('Mul', [rest, inverse]);
}

/** Σ γ·v over some axes, which are kept with extent 1. */
function weightedSum(c: GradientContext, v: Value, scale: Value, axes: readonly number[]): Value {
  if (axes.length > 1) return sumKeeping(c, c.op('Mul', [v, scale]), axes);
  return c.op('MatMul', [v, c.reshape(scale, [sizeOf(scale.shape), 1])]);
}

/** dγ = Σ inv·gx̃ over the other axes. */
function layerNormalizationScale(c: GradientContext): Value {
  const { input, output, op } = c;
  const v = op('Mul', [c.g, centred(c)]);
  const size = sizeOf(input(1).shape);
  const rows = sizeOf(v.shape) / size;
  const sum = op('MatMul', [c.reshape(output(2), [1, rows]), c.reshape(v, [rows, size])]);
  return c.reshape(sum, input(1).shape);
}

export const normalization: OpFamily<'LayerNormalization' | 'LogSoftmax' | 'Softmax'> = {
  LayerNormalization: {
    infer: inferLayerNormalization,
    evaluate: evaluateLayerNormalization,
    // dβ = g, summed over the other axes by the undoing of broadcasting
    gradients: [layerNormalizationInput, layerNormalizationScale, ({ g }) => g],
  },
  // y = x − ln Σeˣ: dx = g − eʸ·Σg
  LogSoftmax: {
    infer: inferSoftmax,
    evaluate: softmaxKernel((x, max, sum) => x - max - Math.log(sum)),
    gradients: [
      (c) => {
        const total = sumKeeping(c, c.g, [softmaxAxis(c.node, c.x.shape)]);
        return c.op('Sub', [c.g, c.op('Mul', [c.op('Exp', [c.output(0)]), total])]);
      },
    ],
  },
  // y = eˣ/Σeˣ: dx = y·(g − Σ(g·y))
  Softmax: {
    infer: inferSoftmax,
    evaluate: softmaxKernel((x, max, sum) => Math.exp(x - max) / sum),
    gradients: [
      (c) => {
        const computed = c.output(0);
        // A row that is masked everywhere is NaN; where the graph replaces it, its gradient is 0.
        const nan = c.nanOf(computed);
        const y = nan === undefined ? computed : c.op('Where', [nan, 0, computed]);
        const total = sumKeeping(c, c.op('Mul', [c.g, y]), [softmaxAxis(c.node, c.x.shape)]);
        return c.op('Mul', [y, c.op('Sub', [c.g, total])]);
      },
    ],
  },
};
