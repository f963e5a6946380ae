import { sequentialBatches } from '../data/batches.ts';
import type { Graph } from '../graph/graph.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { LogitsLayout } from '../objectives/objective.ts';
import type { Environment } from '../runtime/environment.ts';
import { ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, sizeOf, type Tensor } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';
import type { Prefix } from './prefix.ts';
import { textAt, textFeeds } from './text-feeds.ts';

export interface PredictorOptions {
  /** The forward graph, weights as inputs, with the output `logits`. */
  readonly graph: Graph;
  /** Read where they lie: what training changes is seen by the next call. */
  readonly weights: Weights;
  readonly layout: LogitsLayout;
  readonly padTokenId: number;
  /** The positions that the model has: no text is padded beyond. */
  readonly maxLength: number;
  /** Keeps what no trained weight enters; the graph is then its own. */
  readonly prefix?: Prefix | undefined;
}

/** Runs a model forward. */
export class Predictor {
  readonly #options: PredictorOptions;
  readonly #environment: Pick<Environment, 'backend' | 'pause'>;
  readonly #cache: ShapeCache;

  constructor(options: PredictorOptions, environment: Pick<Environment, 'backend' | 'pause'>) {
    this.#options = options;
    this.#environment = environment;
    const { graph, prefix } = options;
    this.#cache = new ShapeCache(environment.backend, (shape) =>
      prefix === undefined
        ? specialize(graph, { dims: { ...shape }, variables: new Set() })
        : prefix.cut.logitsAbove(shape),
    );
  }

  /**
   * The logits of texts, in the order given: `[width]` of each, or `[tokens, width]` row by row, padding left out.
   *
   * A text alone is run twice over: the rounding of a single row differs from that of the same row among others.
   */
  async logits(texts: readonly EncodedText[], batchSize: number): Promise<Float32Array[]> {
    const { layout, maxLength, padTokenId, weights, prefix } = this.#options;
    await prefix?.fill(texts);
    const results = new Array<Float32Array>(texts.length);
    const lengths = texts.map(({ ids }) => ids.length);
    for (const { rows, length } of sequentialBatches({ lengths, batchSize, maxLength })) {
      const chosen = Array.from(rows, (row) => textAt(texts, row));
      const fed = chosen.length === 1 ? [...chosen, ...chosen] : chosen;
      const perText = layout.of === 'text' ? [layout.width] : [length, layout.width];
      const output = float32([fed.length, ...perText], new Float32Array(fed.length * sizeOf(perText)));
      const feeds = new Map<string, Tensor>([
        ...weights,
        ...textFeeds(fed, length, padTokenId),
        ...((await prefix?.feeds(fed, length)) ?? []),
      ]);
      const executable = await this.#cache.get({ batch: fed.length, sequence: length });
      await executable.run(feeds, new Map([['logits', output]]));
      rows.forEach((row, i) => {
        const own = layout.of === 'text' ? layout.width : (lengths[row] ?? 0) * layout.width;
        const start = i * sizeOf(perText);
        results[row] = output.data.slice(start, start + own);
      });
      await this.#environment.pause();
    }
    return results;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }
}
