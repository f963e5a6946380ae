import type { GraphBuilder } from '../graph/builder.ts';
import { int } from '../graph/graph.ts';
import { accuracy, f1 } from '../metrics/classification.ts';
import { explainedVariance, meanAbsoluteError, meanSquaredError } from '../metrics/regression.ts';
import { float32, sizeOf } from '../tensor.ts';
import { mean } from './losses.ts';
import { type LossContext, meanAsLoss, type OutputLoss, requireValues, takeRows } from './output-loss.ts';

/** The graph input of the right numbers, in the shape of the output. */
const VALUES = 'target/values';

/** The mean squared error of all numbers, as torch.nn.MSELoss. */
export function squaredError(context: LossContext): OutputLoss {
  const { expected, ...shared } = valueLoss(context, (builder, values) => {
    const error = builder.op('Sub', ['logits', values]);
    meanAsLoss(builder, builder.op('Mul', [error, error]));
  });
  return {
    ...shared,
    score: (outputs) => {
      const predicted = joined(outputs);
      const mse = meanSquaredError(predicted, expected);
      return {
        r2: explainedVariance(predicted, expected, sizeOf(context.shape)),
        mse,
        mae: meanAbsoluteError(predicted, expected),
        loss: mse,
      };
    },
  };
}

/**
 * The mean of −t·ln σ(x) − (1 − t)·ln(1 − σ(x)) = softplus(x) − t·x over all numbers, as torch.nn.BCEWithLogitsLoss.
 */
export function binaryCrossEntropy(context: LossContext): OutputLoss {
  const { expected, ...shared } = valueLoss(context, (builder, values) => {
    const drawn = builder.op('Mul', ['logits', values]);
    meanAsLoss(builder, builder.op('Sub', [builder.op('Softplus', ['logits']), drawn]));
  });
  return {
    ...shared,
    score: (outputs) => {
      const logits = joined(outputs);
      const predicted = Int32Array.from(logits, (x) => (x > 0 ? 1 : 0));
      const truths = Int32Array.from(expected, (t) => (t >= 0.5 ? 1 : 0));
      const losses = Array.from(logits, (x, i) => softplus(x) - (expected[i] ?? 0) * x);
      return {
        accuracy: accuracy(predicted, truths),
        f1: f1(predicted, truths, 'binary'),
        loss: mean(losses),
      };
    },
  };
}

/** Added to squared norms, as torch.nn.functional.cosine_embedding_loss does. */
const EPSILON = 1e-12;

/** The mean of 1 − cos(x, t) of vectors, as torch.nn.CosineEmbeddingLoss of pairs that belong together. */
export function cosineLoss(context: LossContext): OutputLoss {
  const { expected, ...shared } = valueLoss(context, (builder, values) => {
    const cosine = sumOf(builder, builder.op('Mul', [unit(builder, 'logits'), unit(builder, values)]));
    const one = builder.initializer('target/one', float32([], [1]));
    meanAsLoss(builder, builder.op('Sub', [one, cosine]));
  });
  const size = sizeOf(context.shape);
  return {
    ...shared,
    score: (outputs) => {
      const cosines = outputs.map((output, row) =>
        cosineOf(output, expected.subarray(row * size, (row + 1) * size)),
      );
      return { cosine: mean(cosines), loss: 1 - mean(cosines) };
    },
  };
}

/** x / √(Σx² + ε) along the last axis: vectors of length 1. */
export function unit(builder: GraphBuilder, value: string): string {
  const epsilon = builder.initializer('target/epsilon', float32([], [EPSILON]));
  const squares = sumOf(builder, builder.op('Mul', [value, value]), 1);
  return builder.op('Div', [value, builder.op('Sqrt', [builder.op('Add', [squares, epsilon])])]);
}

function sumOf(builder: GraphBuilder, value: string, keepdims: 0 | 1 = 0): string {
  return builder.op('ReduceSum', [value, builder.ints([-1])], { keepdims: int(keepdims) });
}

/** The cosine of the angle between two vectors. */
export function cosineOf(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt((dot(a, a) + EPSILON) * (dot(b, b) + EPSILON));
}

/** What the losses of numbers have in common. */
function valueLoss(
  { shape, train, evaluation }: LossContext,
  add: (builder: GraphBuilder, values: string) => void,
): Pick<OutputLoss, 'addTo' | 'targets'> & { readonly expected: Float32Array } {
  const wanted = requireValues(train);
  return {
    expected: requireValues(evaluation),
    addTo: (builder) =>
      add(builder, builder.input({ name: VALUES, dtype: 'float32', shape: ['batch', ...shape] })),
    targets: (rows) =>
      new Map([[VALUES, float32([rows.length, ...shape], takeRows(wanted, rows, sizeOf(shape)))]]),
  };
}

function joined(outputs: readonly Float32Array[]): Float64Array {
  return Float64Array.from(outputs.flatMap((output) => [...output]));
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
