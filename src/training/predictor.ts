import { sequentialBatches } from '../data/batches.ts';
import type { Graph } from '../graph/graph.ts';
import type { EightBitProducts } from '../lowering/eight-bit-products.ts';
import { extentsOf, type Features, type LogitsLayout } from '../objectives/objective.ts';
import { textAt } from '../objectives/text-feeds.ts';
import type { Executable } from '../runtime/backend.ts';
import type { Environment } from '../runtime/environment.ts';
import { type BatchShape, ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { type Shape, type Tensor, zeros } from '../tensor.ts';
import type { Weights } from './batch-gradients.ts';
import type { Prefix } from './prefix.ts';

export interface PredictorOptions {
  /** The forward graph, weights as inputs, with the output `logits`. */
  readonly graph: Graph;
  /** Read where they lie: what training changes is seen by the next call. */
  readonly weights: Weights;
  /** Running statistics, read in the same way. */
  readonly statistics?: Weights | undefined;
  readonly layout: LogitsLayout;
  /** The positions that the model has: no text is padded beyond. */
  readonly maxLength: number;
  /** Keeps what no trained weight enters; the graph is then its own. */
  readonly prefix?: Prefix | undefined;
  /** Computes in 8 bits what no trained weight enters. */
  readonly products?: EightBitProducts | undefined;
}

/** What a graph reads of some rows, padded to `length` tokens, beside their texts. */
export type InputsOf = (rows: Int32Array, length: number) => ReadonlyMap<string, Tensor>;

/** Runs a model forward. */
export class Predictor {
  readonly #options: PredictorOptions;
  readonly #environment: Pick<Environment, 'backend' | 'pause'>;
  readonly #cache: ShapeCache<Executable>;

  constructor(options: PredictorOptions, environment: Pick<Environment, 'backend' | 'pause'>) {
    this.#options = options;
    this.#environment = environment;
    const { graph, layout, prefix, products } = options;
    this.#cache = new ShapeCache((shape) => {
      const own =
        prefix?.cut.logitsAbove(shape) ??
        specialize(graph, { dims: extentsOf(layout, shape), variables: new Set() });
      return environment.backend.compile(products?.rewrite(own) ?? own);
    });
  }

  /**
   * The logits of examples, in their order: `[width]` of each, or `[tokens, width]` or `[slots, width]` row by row,
   * padding left out.
   *
   * An example alone is run twice over: the rounding of a single row differs from that of the same row among others.
   */
  async logits(
    features: Features,
    batchSize: number,
    inputsOf: InputsOf = () => new Map(),
  ): Promise<Float32Array[]> {
    const { layout, maxLength, weights, statistics = [], prefix, products } = this.#options;
    const { lengths, fixedRows, texts = [] } = features;
    await prefix?.fill(texts);
    const results = new Array<Float32Array>(lengths.length);
    for (const { rows, length } of sequentialBatches({ lengths, batchSize, maxLength, fixedRows })) {
      const fed = rows.length === 1 && fixedRows === undefined ? Int32Array.of(...rows, ...rows) : rows;
      const shape = { batch: fed.length, sequence: length };
      const output = zeros('float32', logitsShape(layout, shape));
      const kept = await prefix?.feeds(
        Array.from(fed, (row) => textAt(texts, row)),
        length,
      );
      const executable = await this.#cache.get(shape);
      const feeds = new Map<string, Tensor>([
        ...weights,
        ...statistics,
        ...(products?.feeds ?? []),
        ...features.feeds(fed, length),
        ...(kept ?? []),
        ...inputsOf(fed, length),
      ]);
      await executable.run(feeds, new Map([['logits', output]]));
      const perText = output.data.length / fed.length;
      rows.forEach((row, i) => {
        const own = layout.of === 'token' ? (lengths[row] ?? 0) * layout.width : perText;
        results[row] = output.data.slice(i * perText, i * perText + own);
      });
      await this.#environment.pause();
    }
    return results;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }
}

function logitsShape(layout: LogitsLayout, shape: BatchShape): Shape {
  switch (layout.of) {
    case 'text':
      return [shape.batch, layout.width];
    case 'array':
      return [shape.batch, ...layout.shape];
    case 'token':
      return [shape.batch, shape.sequence, layout.width];
    case 'slot':
      return [shape.batch * layout.slots(shape.sequence), layout.width];
  }
}
