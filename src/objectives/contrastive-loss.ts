import { int } from '../graph/graph.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { float32, sizeOf } from '../tensor.ts';
import { mean } from './losses.ts';
import { type LossContext, type OutputLoss, requireClasses } from './output-loss.ts';
import { cosineOf, unit } from './value-losses.ts';

/** By what similarities are divided. */
const TEMPERATURE = 0.1;
/** Rows that are compared with each other when a model is scored. */
const COMPARED = 256;
/** Stands for the similarity of a vector with itself, which e^x then leaves nothing of. */
const NEVER = -1e9;

/** The graph inputs that say which pairs belong together, and which are no pairs: both `[batch, batch]`. */
const PAIRS = 'target/pairs';
const SELF = 'target/self';

/**
 * The supervised contrastive loss of vectors of the classes that rows are of: with sᵢⱼ = cos(xᵢ, xⱼ)/τ, the mean over
 * rows i that have others of their class in the batch, and over these others p, of −log(e^sᵢₚ / Σ_{j≠i} e^sᵢⱼ).
 *
 * @see Khosla et al., Supervised Contrastive Learning, 2020, equation 2
 */
export function contrastiveLoss({ shape, train, evaluation }: LossContext): OutputLoss {
  const classes = requireClasses(train);
  const truths = requireClasses(evaluation);
  return {
    addTo: (builder) => {
      const square = ['batch', 'batch'];
      const pairs = builder.input({ name: PAIRS, dtype: 'float32', shape: square });
      const self = builder.input({ name: SELF, dtype: 'float32', shape: square });
      const flat = builder.op('Reshape', ['logits', builder.ints([-1, sizeOf(shape)])]);
      const vectors = unit(builder, flat);
      const cosines = builder.op('MatMul', [vectors, builder.transpose(vectors, [1, 0])]);
      const temperature = builder.initializer('target/temperature', float32([], [TEMPERATURE]));
      const others = builder.op('Add', [builder.op('Div', [cosines, temperature]), self]);
      const weighted = builder.op('Mul', [builder.op('LogSoftmax', [others], { axis: int(1) }), pairs]);
      builder.op('Neg', [builder.op('ReduceSum', [weighted], { keepdims: int(0) })], {}, LOSS);
    },
    targets: (rows) => {
      const size = [rows.length, rows.length];
      const self = Array.from(rows).flatMap((_, i) => Array.from(rows, (_, j) => (i === j ? NEVER : 0)));
      const weights = pairWeights(Array.from(rows, (row) => classes[row] ?? -1));
      return new Map([
        [PAIRS, float32(size, weights.flat())],
        [SELF, float32(size, self)],
      ]);
    },
    score: (outputs) => {
      const blocks = Array.from({ length: Math.ceil(outputs.length / COMPARED) }, (_, block) => {
        const from = block * COMPARED;
        const part = outputs.slice(from, from + COMPARED);
        return judged(part, truths.subarray(from, from + part.length));
      });
      return {
        nearest_accuracy: mean(blocks.flatMap(({ hits }) => hits)),
        loss: mean(blocks.map(({ loss }) => loss)),
      };
    },
  };
}

/** What each pair weighs: 1 / (rows with others of their class · others of row i), the sum being 1; 0 for no pair. */
function pairWeights(classes: readonly number[]): number[][] {
  const others = classes.map((own) => classes.filter((other) => other === own).length - 1);
  const rows = others.filter((count) => count > 0).length;
  return classes.map((own, i) =>
    classes.map((other, j) => (i !== j && own === other ? 1 / (rows * (others[i] ?? 1)) : 0)),
  );
}

/** The loss of vectors among each other, and whether the nearest other one of each is of its class. */
function judged(vectors: readonly Float32Array[], classes: Int32Array) {
  const weights = pairWeights([...classes]);
  const hits: number[] = [];
  let loss = 0;
  vectors.forEach((own, i) => {
    const cosines = vectors.map((other, j) => (i === j ? Number.NEGATIVE_INFINITY : cosineOf(own, other)));
    const best = Math.max(...cosines);
    const total = cosines.reduce((sum, cosine) => sum + Math.exp((cosine - best) / TEMPERATURE), 0);
    const log = Math.log(total) + best / TEMPERATURE;
    cosines.forEach((cosine, j) => {
      const weight = weights[i]?.[j] ?? 0;
      if (weight > 0) loss += weight * (log - cosine / TEMPERATURE);
    });
    hits.push(classes[cosines.indexOf(best)] === classes[i] ? 1 : 0);
  });
  return { hits, loss };
}
