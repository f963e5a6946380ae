import type { Graph } from '../graph/graph.ts';
import type { DropoutSite } from '../models/dropout.ts';
import type { Parameter } from '../models/parameters.ts';
import { classifierGraph, classifierParameters } from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { ArrayExample } from '../tasks/arrays.ts';
import type { Shape } from '../tensor.ts';
import { type Features, featuresOf, type Objective } from './objective.ts';

/** A model with a head on it: one row of `width` numbers for each text. Where it comes from is its own affair. */
export interface SequenceNetwork
  extends Pick<Objective, 'parameters' | 'statistics' | 'zeroGradient' | 'patchMetadata' | 'copies'> {
  /**
   * The forward graph, parameters as inputs; its one output is `logits`, float32 `[batch, width]`.
   *
   * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
   */
  readonly graph: (sites?: DropoutSite[]) => Graph;
  /** Texts as its graph reads them. */
  readonly features: (texts: readonly EncodedText[]) => Features;
}

/** A graph that reads arrays: an output of any shape for each example. Where it comes from is its own affair. */
export interface ArrayNetwork
  extends Pick<Objective, 'parameters' | 'statistics' | 'zeroGradient' | 'patchMetadata' | 'copies'> {
  /** Of the output of one example. */
  readonly shape: Shape;
  /** The forward graph, parameters as inputs; its one output is `logits`, float32 `[batch, …shape]`. */
  readonly graph: () => Graph;
  /** Examples as its graph reads them. @throws `input/data` for arrays that are not like those it was made for. */
  readonly features: (examples: readonly ArrayExample[]) => Features;
}

/** An encoder with the head of transformers' …ForSequenceClassification. */
export function sequenceNetwork(encoder: TextEncoder, width: number): SequenceNetwork {
  const parameters: readonly Parameter[] = classifierParameters(encoder, width);
  return {
    parameters,
    zeroGradient: encoder.zeroGradient,
    graph: (sites) => classifierGraph(encoder, width, sites),
    features: (texts) => featuresOf(texts, encoder.padTokenId),
  };
}
