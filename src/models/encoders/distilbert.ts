import { z } from 'zod';
import { selfAttention } from '../attention.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import { type Embeddings, embeddingsParameters, embedTokens } from '../embeddings.ts';
import { dropHidden, type EncoderShape, encoderGraphs } from '../encoder-graph.ts';
import { linearHead, tiedTokenHead } from '../heads.ts';
import { activate, linear } from '../layers.ts';
import { linearParameters } from '../parameters.ts';
import { type PostNormNames, postNormLayer, postNormParameters } from '../post-norm.ts';
import type { TextEncoder } from '../text-encoder.ts';

/** The hyperparameters by their names in transformers' DistilBertConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  dim: count,
  n_layers: count,
  n_heads: count,
  hidden_dim: count,
  activation: activation.default('gelu'),
  max_position_embeddings: count,
  initializer_range: positive.default(0.02),
  dropout: probability.default(0.1),
  attention_dropout: probability.default(0.1),
  seq_classif_dropout: probability.default(0.2),
  qa_dropout: probability.default(0.1),
  pad_token_id: z.int().min(0).nullish(),
});

const EPSILON = 1e-12;

/** There is no dropout after the output projection of attention. */
const drops = { attended: false, outer: true };

const PRE_CLASSIFIER = 'pre_classifier';

/** DistilBERT (Sanh et al. 2019), as transformers computes it: BERT's layers, no token types, no pooler. */
export function distilbertEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { dim: hiddenSize, vocab_size: vocabSize } = config;
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.n_heads,
    activation: config.activation,
    epsilon: EPSILON,
    dropout: { hidden: config.dropout, attention: config.attention_dropout },
  };
  const embeddings: Embeddings = {
    prefix: 'distilbert.embeddings',
    size: hiddenSize,
    vocabSize,
    typeVocabSize: 0,
    positions: config.max_position_embeddings,
    numbering: 'from-zero',
  };
  const layers = Array.from({ length: config.n_layers }, (_, i) =>
    layerNames(`distilbert.transformer.layer.${i}`),
  );
  const preClassifier = linearParameters(PRE_CLASSIFIER, hiddenSize, hiddenSize);

  return {
    modelType: 'distilbert',
    className: 'DistilBert',
    prefix: 'distilbert.',
    hiddenSize,
    maxPositions: config.max_position_embeddings,
    typeVocabSize: 0,
    vocabSize,
    padTokenId: config.pad_token_id ?? 0,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: config.seq_classif_dropout },
    parameters: [
      ...embeddingsParameters(embeddings),
      ...layers.flatMap((names) => postNormParameters(names, hiddenSize, config.hidden_dim)),
    ],
    zeroGradient: layers.map(({ key }) => `${key}.bias`),
    ...encoderGraphs(
      shape,
      (c) => ({
        embedded: dropHidden(c, embedTokens(c, embeddings), 'sequence'),
        layers: layers.map(
          (names) => (rows) => postNormLayer(c, names, selfAttention(c, names, rows), rows, drops),
        ),
      }),
      ({ builder }, first) => activate(builder, 'relu', linear(builder, PRE_CLASSIFIER, first)),
    ),
    sequenceHead: { ...linearHead('classifier', config.seq_classif_dropout), parameters: preClassifier },
    tokenClassHead: linearHead('classifier', config.dropout),
    questionHead: linearHead('qa_outputs', config.qa_dropout),
    tokenHead: tiedTokenHead({
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      bias: 'vocab_projector.bias',
      words: 'distilbert.embeddings.word_embeddings.weight',
      hiddenSize,
      size: hiddenSize,
      vocabSize,
      activation: config.activation,
      epsilon: EPSILON,
    }),
  };
}

function layerNames(layer: string): PostNormNames {
  return {
    query: `${layer}.attention.q_lin`,
    key: `${layer}.attention.k_lin`,
    value: `${layer}.attention.v_lin`,
    attended: `${layer}.attention.out_lin`,
    attendedNorm: `${layer}.sa_layer_norm`,
    inner: `${layer}.ffn.lin1`,
    outer: `${layer}.ffn.lin2`,
    outerNorm: `${layer}.output_layer_norm`,
  };
}
