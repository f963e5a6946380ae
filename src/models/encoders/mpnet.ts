import { z } from 'zod';
import { selfAttention } from '../attention.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import { type Embeddings, embeddingsParameters, embedTokens } from '../embeddings.ts';
import { dropHidden, type EncoderContext, type EncoderShape, encoderGraphs } from '../encoder-graph.ts';
import { denseFeatures, denseHead, linearHead, tiedTokenHead } from '../heads.ts';
import { embeddingParameters } from '../parameters.ts';
import { bertLayerNames, type PostNormNames, postNormLayer, postNormParameters } from '../post-norm.ts';
import { byDistance, mpnetBucket, reachOf } from '../relative-positions.ts';
import type { TextEncoder } from '../text-encoder.ts';

/** The hyperparameters by their names in transformers' MPNetConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu'),
  max_position_embeddings: count,
  layer_norm_eps: positive.default(1e-12),
  initializer_range: positive.default(0.02),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  relative_attention_num_buckets: z.int().min(32).default(32),
  pad_token_id: z.int().min(0).nullish(),
});

/** transformers numbers positions by this, whatever the config says. */
const PAD_TOKEN_ID = 1;

const RELATIVE_BIAS = 'mpnet.encoder.relative_attention_bias';

/**
 * MPNet (Song et al. 2020), as transformers computes it: RoBERTa's layers, whose attention scores get a bias by
 * relative position, the same in every layer.
 */
export function mpnetEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, vocab_size: vocabSize, hidden_dropout_prob: dropout } = config;
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.num_attention_heads,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    dropout: { hidden: dropout, attention: config.attention_probs_dropout_prob },
  };
  const embeddings: Embeddings = {
    prefix: 'mpnet.embeddings',
    size: hiddenSize,
    vocabSize,
    typeVocabSize: 0,
    positions: config.max_position_embeddings,
    numbering: { padTokenId: PAD_TOKEN_ID },
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) =>
    layerNames(`mpnet.encoder.layer.${i}`),
  );
  const maxPositions = config.max_position_embeddings - PAD_TOKEN_ID - 1;

  return {
    modelType: 'mpnet',
    className: 'MPNet',
    prefix: 'mpnet.',
    hiddenSize,
    maxPositions,
    typeVocabSize: 0,
    vocabSize,
    padTokenId: config.pad_token_id ?? PAD_TOKEN_ID,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: dropout },
    parameters: [
      ...embeddingsParameters(embeddings),
      ...layers.flatMap((names) => postNormParameters(names, hiddenSize, config.intermediate_size)),
      ...embeddingParameters(RELATIVE_BIAS, config.relative_attention_num_buckets, shape.heads),
    ],
    zeroGradient: layers.map(({ key }) => `${key}.bias`),
    ...encoderGraphs(
      shape,
      (c) => {
        const bias = relativeBias(c, reachOf(maxPositions));
        return {
          embedded: dropHidden(c, embedTokens(c, embeddings), 'sequence'),
          layers: layers.map((names) => (rows) => {
            const mixed = selfAttention(c, names, rows, {
              bias: rows.positions === 1 ? firstRow(c, bias) : bias,
            });
            return postNormLayer(c, names, mixed, rows);
          }),
        };
      },
      (c, first) => denseFeatures(c, first, 'tanh', dropout),
    ),
    sequenceHead: denseHead(hiddenSize, dropout),
    tokenClassHead: linearHead('classifier', dropout),
    questionHead: linearHead('qa_outputs', 0),
    tokenHead: tiedTokenHead({
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      bias: 'lm_head.bias',
      words: 'mpnet.embeddings.word_embeddings.weight',
      hiddenSize,
      size: hiddenSize,
      vocabSize,
      activation: 'gelu',
      epsilon: config.layer_norm_eps,
    }),
  };
}

function layerNames(layer: string): PostNormNames {
  return {
    ...bertLayerNames(layer),
    query: `${layer}.attention.attn.q`,
    key: `${layer}.attention.attn.k`,
    value: `${layer}.attention.attn.v`,
    attended: `${layer}.attention.attn.o`,
    attendedNorm: `${layer}.attention.LayerNorm`,
  };
}

/** What every layer adds to its scores: `[1, heads, sequence, sequence]`. */
function relativeBias(c: EncoderContext, longest: number): string {
  const { builder } = c;
  const buckets = byDistance(c, 'relative_buckets', longest, mpnetBucket);
  const values = builder.op('Gather', [`${RELATIVE_BIAS}.weight`, buckets]);
  return builder.op('Unsqueeze', [builder.transpose(values, [2, 0, 1]), builder.ints([0])]);
}

/** The part of the bias that the first position needs: `[1, heads, 1, sequence]`. */
function firstRow({ builder }: EncoderContext, bias: string): string {
  return builder.op('Slice', [bias, builder.ints([0]), builder.ints([1]), builder.ints([2])]);
}
