import type { GraphBuilder } from '../graph/builder.ts';
import { int } from '../graph/graph.ts';
import { accuracy, confusionMatrix, f1, meanIou } from '../metrics/classification.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { float32, int64, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import { argmax, crossEntropy, mean } from './losses.ts';
import { type LossContext, NO_CLASS, type OutputLoss, requireClasses, takeRows } from './output-loss.ts';

/** The graph inputs of the right classes, and of what each of them weighs. */
const CLASSES = 'target/classes';
const WEIGHTS = 'target/weights';

/** Where the logits of the classes lie. */
export interface ClassLossOptions {
  /** The axis of the classes in the output of one example: the only one, the last of tokens, the first of pixels. */
  readonly axis: 'first' | 'last';
  /** What is told beside the accuracy: F1, or the mean intersection over union, which is usual for pixels. */
  readonly metric: 'f1' | 'iou';
  /** A factor for each class; none: all alike. */
  readonly factors?: Float32Array | undefined;
}

/**
 * The mean cross-entropy of the classes of all places, Σ wᵢ·lossᵢ / Σ wᵢ, as torch.nn.CrossEntropyLoss has it, places
 * without a class left out.
 */
export function classLoss(
  { shape, train, evaluation }: LossContext,
  { axis: where, metric, factors }: ClassLossOptions,
): OutputLoss {
  const axis = where === 'first' ? 0 : shape.length - 1;
  const classes = shape[axis] ?? 0;
  const oneClass = shape.map((extent, i) => (i === axis ? 1 : extent));
  const places = sizeOf(oneClass);
  const labels = requireClasses(train);
  const truths = requireClasses(evaluation);
  const factorOf = (label: number): number => (label === NO_CLASS ? 0 : (factors?.[label] ?? 1));
  const factorsOf = (rows: Int32Array): number[] => takeRows(labels, rows, places).map(factorOf);
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

  /** The logits of one place. */
  const logitsAt = (output: Float32Array, place: number): Float32Array =>
    axis === shape.length - 1
      ? output.subarray(place * classes, (place + 1) * classes)
      : Float32Array.from({ length: classes }, (_, label) => output[label * places + place] ?? 0);

  /** What each place with a class got and should have got. */
  const judged = (outputs: readonly Float32Array[]) => {
    const predicted: number[] = [];
    const expected: number[] = [];
    const losses: number[] = [];
    outputs.forEach((output, row) => {
      for (let place = 0; place < places; place++) {
        const label = truths[row * places + place] ?? NO_CLASS;
        if (label === NO_CLASS) continue;
        const logits = logitsAt(output, place);
        predicted.push(argmax(logits));
        expected.push(label);
        losses.push(crossEntropy(logits, label));
      }
    });
    return { predicted, expected, losses };
  };

  return {
    addTo: (builder) => addCrossEntropy(builder, oneClass, axis + 1),
    targets: (rows) => {
      const weights = factorsOf(rows);
      const sum = total(weights);
      const extents = [rows.length, ...oneClass];
      return new Map<string, Tensor>()
        .set(
          CLASSES,
          int64(
            extents,
            takeRows(labels, rows, places).map((label) => Math.max(0, label)),
          ),
        )
        .set(
          WEIGHTS,
          float32(
            extents,
            weights.map((weight) => (sum === 0 ? 0 : weight / sum)),
          ),
        );
    },
    weight: (rows) => total(factorsOf(rows)),
    score: (outputs) => {
      const { predicted, expected, losses } = judged(outputs);
      const share = accuracy(predicted, expected);
      const loss = mean(losses);
      if (metric === 'iou') {
        return { accuracy: share, mean_iou: meanIou(confusionMatrix(predicted, expected, classes)), loss };
      }
      return classes === 2
        ? { accuracy: share, f1: f1(predicted, expected, 'binary'), loss }
        : { accuracy: share, f1_macro: f1(predicted, expected, 'macro'), loss };
    },
    confusion: (outputs) => {
      const { predicted, expected } = judged(outputs);
      return confusionMatrix(predicted, expected, classes);
    },
  };
}

/** −Σ wᵢ · log softmax(logits)[classᵢ], for weights whose sum is 1. */
function addCrossEntropy(builder: GraphBuilder, oneClass: Shape, axis: number): void {
  const extents = ['batch', ...oneClass];
  const classes = builder.input({ name: CLASSES, dtype: 'int64', shape: extents });
  const weights = builder.input({ name: WEIGHTS, dtype: 'float32', shape: extents });
  const logProbabilities = builder.op('LogSoftmax', ['logits'], { axis: int(axis) });
  const chosen = builder.op('GatherElements', [logProbabilities, classes], { axis: int(axis) });
  const weighted = builder.op('Mul', [chosen, weights]);
  builder.op('Neg', [builder.op('ReduceSum', [weighted], { keepdims: int(0) })], {}, LOSS);
}
