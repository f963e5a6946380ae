import { sequentialBatches } from '../data/batches.ts';
import type { Graph } from '../graph/graph.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { Environment } from '../runtime/environment.ts';
import { ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, type Tensor } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';
import { textAt, textFeeds } from './encoded-examples.ts';

export interface ClassifierOptions {
  /** The forward graph, weights as inputs, with the output `logits` `[batch, labels]`. */
  readonly graph: Graph;
  /** Read where they lie: what training changes is seen by the next call. */
  readonly weights: Weights;
  readonly labels: number;
  readonly padTokenId: number;
}

/** Runs a classifier forward. */
export class Classifier {
  readonly #options: ClassifierOptions;
  readonly #environment: Pick<Environment, 'backend' | 'pause'>;
  readonly #cache: ShapeCache;

  constructor(options: ClassifierOptions, environment: Pick<Environment, 'backend' | 'pause'>) {
    this.#options = options;
    this.#environment = environment;
    this.#cache = new ShapeCache(environment.backend, ({ batch, sequence }) =>
      specialize(options.graph, { dims: { batch, sequence }, variables: new Set() }),
    );
  }

  /**
   * The logits of texts, float32 `[texts, labels]` row by row, in the order given.
   *
   * A text alone is run twice over: the rounding of a single row differs from that of the same row among others.
   */
  async logits(texts: readonly EncodedText[], batchSize: number): Promise<Float32Array> {
    const { labels, padTokenId, weights } = this.#options;
    const result = new Float32Array(texts.length * labels);
    const lengths = texts.map(({ ids }) => ids.length);
    for (const { rows, length } of sequentialBatches({ lengths, batchSize })) {
      const chosen = Array.from(rows, (row) => textAt(texts, row));
      const fed = chosen.length === 1 ? [...chosen, ...chosen] : chosen;
      const output = float32([fed.length, labels], new Float32Array(fed.length * labels));
      const feeds = new Map<string, Tensor>([...weights, ...textFeeds(fed, length, padTokenId)]);
      const executable = await this.#cache.get({ batch: fed.length, sequence: length });
      await executable.run(feeds, new Map([['logits', output]]));
      rows.forEach((row, i) => {
        result.set(output.data.subarray(i * labels, (i + 1) * labels), row * labels);
      });
      await this.#environment.pause();
    }
    return result;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }
}

/** The class with the highest logit of each row; the first of equals. */
export function argmaxRows(logits: Float32Array, labels: number): Int32Array {
  return Int32Array.from({ length: logits.length / labels }, (_, row) => {
    const values = logits.subarray(row * labels, (row + 1) * labels);
    return values.indexOf(Math.max(...values));
  });
}

/** softmax of each row, in float64: `[rows][labels]`. */
export function softmaxRows(logits: Float32Array, labels: number): number[][] {
  return Array.from({ length: logits.length / labels }, (_, row) => {
    const values = Array.from(logits.subarray(row * labels, (row + 1) * labels));
    const max = Math.max(...values);
    const powers = values.map((value) => Math.exp(value - max));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  });
}

/** The mean cross-entropy of logits and classes, in nats. */
export function meanCrossEntropy(logits: Float32Array, classes: Int32Array, labels: number): number {
  const probabilities = softmaxRows(logits, labels);
  const total = probabilities.reduce((sum, row, i) => sum - Math.log(row[classes[i] ?? 0] ?? 0), 0);
  return total / probabilities.length;
}
