import type { Graph } from '../graph/graph.ts';
import type { ConfusionMatrix } from '../metrics/classification.ts';
import type { DropoutSite } from '../models/dropout.ts';
import type { Parameter } from '../models/parameters.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { BatchShape } from '../runtime/shape-cache.ts';
import type { Shape, Tensor } from '../tensor.ts';
import { textAt, textFeeds } from './text-feeds.ts';

/** Examples as the model reads them. */
export interface Features {
  /** Tokens of each example; examples of like length run together. */
  readonly lengths: Int32Array;
  /** How many were cut to the longest length. */
  readonly truncated: number;
  /** The one number of examples that the graph takes at once; undefined where it takes any. */
  readonly fixedRows?: number | undefined;
  /**
   * The texts behind them where they are fed as encoders read them, the same in every epoch, and where nothing is read
   * of the padding behind them: what a run keeps of a text is known by it.
   */
  readonly texts?: readonly EncodedText[] | undefined;
  /**
   * The graph's inputs for some examples, padded to `length` tokens, by name: `[rows, …]`.
   *
   * @param epoch From 1, in training: what is read may differ from epoch to epoch.
   */
  readonly feeds: (rows: ArrayLike<number>, length: number, epoch?: number) => Map<string, Tensor>;
}

/**
 * How the forward graph's output `logits` lies: `[batch, width]`, `[batch, sequence, width]` for each token,
 * `[batch, …shape]` of arrays, or `[masked, width]` for a number of slots that every text has alike, text by text.
 */
export type LogitsLayout =
  | { readonly of: 'text' | 'token'; readonly width: number }
  | { readonly of: 'array'; readonly width: number; readonly shape: Shape }
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
  /** Names of the tensors that the graphs read beside parameters: running statistics of batch normalisations. */
  readonly statistics?: readonly string[] | undefined;
  /** Parameters whose gradient is zero by construction. */
  readonly zeroGradient: readonly string[];
  /** The forward graph, parameters and statistics as inputs; its one output is `logits`, float32. */
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
  /** What a patch must say of the head, so that the tuned model can be put together again. */
  readonly patchMetadata?: Readonly<Record<string, string>> | undefined;
  /** Copies of weights that the model's file has beside the one that is trained, of the weights as given. */
  readonly copies?:
    | ((weights: ReadonlyMap<string, Tensor<'float32'>>) => Map<string, Tensor<'float32'>>)
    | undefined;
  /** Of classifications: how often which class was taken for which, on the evaluation half. */
  readonly confusion?: (logits: readonly Float32Array[]) => ConfusionMatrix;
}

/** The features of some texts. */
export function featuresOf(texts: readonly EncodedText[], padTokenId: number): Features {
  return {
    texts,
    feeds: (rows, length) =>
      textFeeds(
        Array.from(rows, (row) => textAt(texts, row)),
        length,
        padTokenId,
      ),
    lengths: Int32Array.from(texts, ({ ids }) => ids.length),
    truncated: texts.filter(({ truncated }) => truncated).length,
  };
}

/** The sum of a float input: what rows weigh whose losses are weighted by it. */
export function totalOf(input: Tensor | undefined): number {
  return input?.dtype === 'float32' ? input.data.reduce((sum, weight) => sum + weight, 0) : 0;
}
