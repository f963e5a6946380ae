import type { Graph } from '../graph/graph.ts';
import type { ConfusionMatrix } from '../metrics/classification.ts';
import type { DropoutSite } from '../models/dropout.ts';
import type { Parameter } from '../models/parameters.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { BatchShape } from '../runtime/shape-cache.ts';
import type { Tensor } from '../tensor.ts';

/** Texts as the model reads them: one for each row of a batch. */
export interface Features {
  readonly texts: readonly EncodedText[];
  /** Tokens of each text. */
  readonly lengths: Int32Array;
  /** How many were cut to the longest length. */
  readonly truncated: number;
}

/**
 * How the forward graph's output `logits` lies: `[batch, width]`, `[batch, sequence, width]` for each token, or
 * `[masked, width]` for a number of slots that every text has alike, text by text.
 */
export type LogitsLayout =
  | { readonly of: 'text' | 'token'; readonly width: number }
  | {
      readonly of: 'slot';
      readonly width: number;
      /** Slots of a text that is padded to so many tokens. */
      readonly slots: (length: number) => number;
    };

/** The extents of an objective's graphs for a batch of a shape. */
export function extentsOf(
  layout: LogitsLayout,
  { batch, sequence }: BatchShape,
): Readonly<Record<string, number>> {
  return layout.of === 'slot'
    ? { batch, sequence, masked: batch * layout.slots(sequence) }
    : { batch, sequence };
}

/** What a kind of task asks of a model: its head and loss, what they are fed, how the outcome is scored. */
export interface Objective {
  /** Encoder and head. */
  readonly parameters: readonly Parameter[];
  /** Parameters whose gradient is zero by construction. */
  readonly zeroGradient: readonly string[];
  /** The forward graph, parameters as inputs; its one output is `logits`, float32. */
  readonly forward: Graph;
  readonly layout: LogitsLayout;
  /**
   * The same with the scalar output `loss`, and inputs for what is to be learnt.
   *
   * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
   */
  readonly withLoss: (sites?: DropoutSite[]) => Graph;
  readonly train: Features;
  readonly evaluation: Features;
  /** What the model reads of a training row in an epoch (from 1), where that is not always the same. */
  readonly trainText?: (row: number, epoch: number) => EncodedText;
  /** What is to be learnt of some training rows padded to `length` tokens in an epoch (from 1), by graph input. */
  readonly targets: (rows: Int32Array, length: number, epoch: number) => ReadonlyMap<string, Tensor>;
  /** What the forward graph reads of some evaluation rows beside their texts, by graph input. */
  readonly evaluationInputs?: (rows: Int32Array, length: number) => ReadonlyMap<string, Tensor>;
  /**
   * What the losses of some training rows weigh together in the mean of a batch, where it is not their number.
   *
   * @param targets Of these rows.
   */
  readonly lossWeight?: ((rows: Int32Array, targets: ReadonlyMap<string, Tensor>) => number) | undefined;
  /**
   * The task's metrics on the evaluation half, and the mean `loss`.
   *
   * @param logits Of each of its texts: `[width]`, or `[tokens, width]` or `[slots, width]` row by row.
   */
  readonly score: (logits: readonly Float32Array[]) => Readonly<Record<string, number>>;
  /** Of classifications: how often which class was taken for which, on the evaluation half. */
  readonly confusion?: (logits: readonly Float32Array[]) => ConfusionMatrix;
}

/** The features of some texts. */
export function featuresOf(texts: readonly EncodedText[]): Features {
  return {
    texts,
    lengths: Int32Array.from(texts, ({ ids }) => ids.length),
    truncated: texts.filter(({ truncated }) => truncated).length,
  };
}

/** The sum of a float input: what rows weigh whose losses are weighted by it. */
export function totalOf(input: Tensor | undefined): number {
  return input?.dtype === 'float32' ? input.data.reduce((sum, weight) => sum + weight, 0) : 0;
}
