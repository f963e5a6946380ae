import { z } from 'zod';
import { selfAttention } from '../attention.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import { type Embeddings, embeddingsParameters, embedTokens } from '../embeddings.ts';
import { type EncoderContext, type EncoderShape, encoderGraphs } from '../encoder-graph.ts';
import { linearHead, tiedTokenHead } from '../heads.ts';
import { activate, linear } from '../layers.ts';
import { linearParameters } from '../parameters.ts';
import { type PostNormNames, postNormLayer, postNormParameters } from '../post-norm.ts';
import type { TextEncoder } from '../text-encoder.ts';

/** The hyperparameters by their names in transformers' AlbertConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  embedding_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_hidden_groups: count.default(1),
  inner_group_num: count.default(1),
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu_new'),
  max_position_embeddings: count,
  type_vocab_size: count.default(2),
  layer_norm_eps: positive.default(1e-12),
  initializer_range: positive.default(0.02),
  hidden_dropout_prob: probability.default(0),
  attention_probs_dropout_prob: probability.default(0),
  classifier_dropout_prob: probability.default(0.1),
  pad_token_id: z.int().min(0).nullish(),
});

type Config = z.infer<typeof schema>;

/** There is no dropout after the feed-forward network. */
const drops = { attended: true, outer: false };

const PROJECTION = 'albert.encoder.embedding_hidden_mapping_in';
const POOLER = 'albert.pooler';

/** ALBERT (Lan et al. 2020), as transformers computes it: layers of a group share their parameters. */
export function albertEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, embedding_size: size, vocab_size: vocabSize } = config;
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.num_attention_heads,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    dropout: { hidden: config.hidden_dropout_prob, attention: config.attention_probs_dropout_prob },
  };
  const embeddings: Embeddings = {
    prefix: 'albert.embeddings',
    size,
    vocabSize,
    typeVocabSize: config.type_vocab_size,
    positions: config.max_position_embeddings,
    numbering: 'from-zero',
  };
  const groups = layerGroups(config);
  const embed = (c: EncoderContext): string => {
    const tokens = c.drop(embedTokens(c, embeddings), shape.dropout.hidden, ['batch', 'sequence', size]);
    return linear(c.builder, PROJECTION, tokens);
  };

  return {
    modelType: 'albert',
    className: 'Albert',
    prefix: 'albert.',
    hiddenSize,
    maxPositions: config.max_position_embeddings,
    typeVocabSize: config.type_vocab_size,
    vocabSize,
    padTokenId: config.pad_token_id ?? 0,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: config.classifier_dropout_prob },
    parameters: [
      ...embeddingsParameters(embeddings),
      ...linearParameters(PROJECTION, size, hiddenSize),
      ...groups.flat().flatMap((names) => postNormParameters(names, hiddenSize, config.intermediate_size)),
      ...linearParameters(POOLER, hiddenSize, hiddenSize),
    ],
    zeroGradient: groups.flat().map(({ key }) => `${key}.bias`),
    ...encoderGraphs(
      shape,
      (c) => ({
        embedded: embed(c),
        layers: layersInOrder(config, groups).map(
          (names) => (rows) => postNormLayer(c, names, selfAttention(c, names, rows), rows, drops),
        ),
      }),
      ({ builder }, first) => activate(builder, 'tanh', linear(builder, POOLER, first)),
    ),
    sequenceHead: linearHead('classifier', config.classifier_dropout_prob),
    tokenClassHead: linearHead('classifier', config.classifier_dropout_prob),
    questionHead: linearHead('qa_outputs', 0),
    tokenHead: tiedTokenHead({
      dense: 'predictions.dense',
      norm: 'predictions.LayerNorm',
      bias: 'predictions.bias',
      words: 'albert.embeddings.word_embeddings.weight',
      hiddenSize,
      size,
      vocabSize,
      activation: config.hidden_act,
      epsilon: config.layer_norm_eps,
    }),
  };
}

/** The names of the layers that have parameters, by group. */
function layerGroups({ num_hidden_groups: groups, inner_group_num: inner }: Config): PostNormNames[][] {
  return Array.from({ length: groups }, (_, group) =>
    Array.from({ length: inner }, (_, i) =>
      layerNames(`albert.encoder.albert_layer_groups.${group}.albert_layers.${i}`),
    ),
  );
}

/** The layers as they are computed, one group as often as the depth asks for. */
function layersInOrder(
  { num_hidden_layers: depth, num_hidden_groups: count }: Config,
  groups: readonly (readonly PostNormNames[])[],
): PostNormNames[] {
  return Array.from({ length: depth }, (_, i) => groups[Math.trunc(i / (depth / count))] ?? []).flat();
}

function layerNames(layer: string): PostNormNames {
  return {
    query: `${layer}.attention.query`,
    key: `${layer}.attention.key`,
    value: `${layer}.attention.value`,
    attended: `${layer}.attention.dense`,
    attendedNorm: `${layer}.attention.LayerNorm`,
    inner: `${layer}.ffn`,
    outer: `${layer}.ffn_output`,
    outerNorm: `${layer}.full_layer_layer_norm`,
  };
}
