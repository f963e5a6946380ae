import type { GraphBuilder } from '../graph/builder.ts';
import { int } from '../graph/graph.ts';
import type { Drop } from './dropout.ts';
import type { EncoderContext } from './encoder-graph.ts';
import { type Activation, activate, layerNorm, linear } from './layers.ts';
import { layerNormParameters, linearParameters, type Parameter } from './parameters.ts';
import { type Head, type TextEncoder, type TokenHead, textInputs } from './text-encoder.ts';

/** A head that is dropout and one linear layer. */
export function linearHead(output: string, dropout: number): Head {
  return { parameters: [], output, dropout };
}

/** The sequence head of RoBERTa and others: `classifier.dense` on the first token, then `classifier.out_proj`. */
export function denseHead(hiddenSize: number, dropout: number): Head {
  const parameters = linearParameters('classifier.dense', hiddenSize, hiddenSize);
  return { parameters, output: 'classifier.out_proj', dropout };
}

/** What {@link denseHead} has before its last dropout and layer: dropout, dense, activation. `[batch, hidden]` */
export function denseFeatures(
  { builder, shape, drop }: EncoderContext,
  first: string,
  activation: Activation,
  dropout: number,
): string {
  const dropped = drop(first, dropout, ['batch', shape.hiddenSize]);
  return activate(builder, activation, linear(builder, 'classifier.dense', dropped));
}

/**
 * Adds an encoder and a head on every token: features, dropout, linear layer.
 *
 * @returns `output`, the name of the logits `[batch, sequence, labels]`
 */
export function tokenLogits(
  builder: GraphBuilder,
  encoder: TextEncoder,
  head: Head,
  { labels, drop, output }: { readonly labels: number; readonly drop: Drop; readonly output: string },
): string {
  const { hidden } = encoder.hidden(builder, textInputs, drop);
  const rows = head.features === undefined ? hidden : head.features(builder, hidden);
  const dropped = drop(rows, head.dropout, ['batch', 'sequence', encoder.hiddenSize]);
  return byPosition(builder, linear(builder, head.output, dropped), labels, output);
}

/** Rows of tokens, `[batch · sequence, width]`, by text and position: `[batch, sequence, width]` as `output`. */
export function byPosition(builder: GraphBuilder, rows: string, width: number, output: string): string {
  const extents = builder.op('Shape', [textInputs.inputIds], {}, 'text_extents');
  const target = builder.op('Concat', [extents, builder.ints([width])], { axis: int(0) }, 'logits_shape');
  return builder.op('Reshape', [rows, target], {}, output);
}

/** What a head of masked language modelling is made of. */
export interface TokenHeadPlan {
  /** The names of its dense layer, of the normalisation after it, and of the bias of the decoder. */
  readonly dense: string;
  readonly norm: string;
  readonly bias: string;
  /** The word embeddings, `[vocab, size]`, which are the decoder's weight. */
  readonly words: string;
  readonly hiddenSize: number;
  readonly size: number;
  readonly vocabSize: number;
  readonly activation: Activation;
  readonly epsilon: number;
}

/** Dense, activation, normalisation, and the word embeddings again as the decoder. */
export function tiedTokenHead(plan: TokenHeadPlan): TokenHead {
  const { dense, norm, bias, words, hiddenSize, size, vocabSize } = plan;
  const decoderBias: Parameter = { name: bias, shape: [vocabSize], initialization: 'zeros' };
  return {
    parameters: [
      ...linearParameters(dense, hiddenSize, size),
      ...layerNormParameters(norm, size),
      decoderBias,
    ],
    logits: (builder: GraphBuilder, rows, output) => {
      const activated = activate(builder, plan.activation, linear(builder, dense, rows));
      const normalized = layerNorm(builder, norm, activated, plan.epsilon);
      return builder.op('Gemm', [normalized, words, bias], { transB: int(1) }, output);
    },
  };
}
