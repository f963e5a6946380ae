import type { Batch } from '../data/batches.ts';
import type { Objective } from '../objectives/objective.ts';
import { textAt } from '../objectives/text-feeds.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { BatchShape } from '../runtime/shape-cache.ts';
import { float32, type Tensor } from '../tensor.ts';
import type { BatchPart } from './batch-gradients.ts';
import { DropoutMasks } from './dropout-masks.ts';
import { microBatches } from './micro-batches.ts';
import type { PrefixUse } from './open-prefix.ts';

/** A batch with its place in the order of training, from which its dropout follows. */
export interface TrainingBatch extends Batch {
  /** From 1. */
  readonly epoch: number;
  /** From 0. */
  readonly number: number;
}

/** What the graph is fed for a batch: its rows, in parts where the batch does not run at once, and their dropout. */
export class BatchParts {
  readonly #objective: Objective;
  readonly #microBatch: number | null;
  readonly #dropout: DropoutMasks;

  constructor(objective: Objective, { microBatch, seed }: Pick<ResolvedTrainOptions, 'microBatch' | 'seed'>) {
    this.#objective = objective;
    this.#microBatch = microBatch;
    this.#dropout = new DropoutMasks(seed);
  }

  /** The shapes in which a batch is run. */
  shapes({ rows, length }: Batch): readonly BatchShape[] {
    return microBatches(rows, this.#microBatch).map((part) => ({ batch: part.length, sequence: length }));
  }

  /** The parts of a batch, whose shares of its mean loss make 1. */
  async of(batch: TrainingBatch, use: PrefixUse): Promise<readonly BatchPart[]> {
    const masks = this.#masks(batch, use);
    const parts: (Omit<BatchPart, 'share'> & { readonly weight: number })[] = [];
    let from = 0;
    for (const rows of microBatches(batch.rows, this.#microBatch)) {
      const { feeds, weight } = await this.#feeds(rows, batch, use);
      for (const { input, mask, byText } of masks) {
        feeds.set(input, byText ? rowsOf(mask, from, from + rows.length) : mask);
      }
      from += rows.length;
      parts.push({ feeds, shape: { batch: rows.length, sequence: batch.length }, weight });
    }
    const total = parts.reduce((sum, { weight }) => sum + weight, 0);
    // A part without anything to learn has no mean loss.
    const learnt = parts.length === 1 ? parts : parts.filter(({ weight }) => weight > 0);
    return learnt.map(({ weight, ...part }) => ({ ...part, share: parts.length === 1 ? 1 : weight / total }));
  }

  /** Some training rows as the graph's inputs, and what they weigh in the batch's mean loss. */
  async #feeds(
    rows: Int32Array,
    { length, epoch }: TrainingBatch,
    { prefix }: PrefixUse,
  ): Promise<{ readonly feeds: Map<string, Tensor>; readonly weight: number }> {
    const { train, targets: targetsOf, lossWeight } = this.#objective;
    const feeds = train.feeds(rows, length, epoch);
    if (prefix !== undefined) {
      const texts = Array.from(rows, (row) => textAt(train.texts ?? [], row));
      for (const [name, values] of await prefix.feeds(texts, length)) feeds.set(name, values);
    }
    const targets = targetsOf(rows, length, epoch);
    for (const [name, target] of targets) feeds.set(name, target);
    return { feeds, weight: lossWeight?.(rows, targets) ?? rows.length };
  }

  /** The dropout masks of a batch: the same whenever it is run in its epoch. */
  #masks({ epoch, number, rows, length }: TrainingBatch, { dropoutSites, withLoss }: PrefixUse) {
    const { batch, sequence }: BatchShape = { batch: rows.length, sequence: length };
    return dropoutSites.map((site) => {
      const { input } = site;
      const shape = withLoss.inputs.find(({ name }) => name === input)?.shape ?? [];
      const extents = shape.map((dim) =>
        dim === 'batch' ? batch : dim === 'sequence' ? sequence : Number(dim),
      );
      const mask = this.#dropout.mask(site, extents, epoch, number);
      // What is dropped of a table, say, is the same for all texts.
      return { input, mask, byText: shape[0] === 'batch' };
    });
  }
}

/** Rows `from` to `to` of a tensor, over its own memory. */
function rowsOf({ shape, data }: Tensor<'float32'>, from: number, to: number): Tensor<'float32'> {
  const [rows = 1, ...rest] = shape;
  const width = data.length / rows;
  return float32([to - from, ...rest], data.subarray(from * width, to * width));
}
