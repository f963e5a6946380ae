import { z } from 'zod';
import { selfAttention } from '../attention.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import { type Embeddings, embeddingsParameters, embedTokens } from '../embeddings.ts';
import { type EncoderContext, type EncoderShape, encoderGraphs } from '../encoder-graph.ts';
import { denseFeatures, denseHead, linearHead, tiedTokenHead } from '../heads.ts';
import { type Activation, activate, linear } from '../layers.ts';
import { linearParameters } from '../parameters.ts';
import { bertLayerNames, postNormLayer, postNormParameters } from '../post-norm.ts';
import type { TextEncoder } from '../text-encoder.ts';

/** The hyperparameters by their names in transformers' BertConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  /** ELECTRA's own; the others have one extent. */
  embedding_size: count.optional(),
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu'),
  max_position_embeddings: count,
  type_vocab_size: count.default(2),
  layer_norm_eps: positive.default(1e-12),
  initializer_range: positive.default(0.02),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  classifier_dropout: probability.nullish(),
  pad_token_id: z.int().min(0).nullish(),
  position_embedding_type: z.literal('absolute').default('absolute'),
});

type Config = z.infer<typeof schema>;

/** What the models that have BERT's layers, under BERT's names, differ in. */
interface Kind {
  readonly className: string;
  readonly prefix: string;
  /** transformers' `pad_token_id` where the config has none. */
  readonly padTokenId: number;
  readonly numbersPositions: 'from-zero' | 'after-padding';
  /** The sequence classifier: on a pooler, or on a dense layer of its own with this activation. */
  readonly classifier: 'pooler' | Activation;
  /** The names of the token prediction head. */
  readonly tokenHead: { readonly dense: string; readonly norm: string; readonly bias: string };
}

const robertaKind: Kind = {
  className: 'Roberta',
  prefix: 'roberta',
  padTokenId: 1,
  numbersPositions: 'after-padding',
  classifier: 'tanh',
  tokenHead: { dense: 'lm_head.dense', norm: 'lm_head.layer_norm', bias: 'lm_head.bias' },
};

const kinds: Readonly<Record<'bert' | 'roberta' | 'xlm-roberta' | 'electra', Kind>> = {
  bert: {
    className: 'Bert',
    prefix: 'bert',
    padTokenId: 0,
    numbersPositions: 'from-zero',
    classifier: 'pooler',
    tokenHead: {
      dense: 'cls.predictions.transform.dense',
      norm: 'cls.predictions.transform.LayerNorm',
      bias: 'cls.predictions.bias',
    },
  },
  roberta: robertaKind,
  'xlm-roberta': { ...robertaKind, className: 'XLMRoberta' },
  electra: {
    className: 'Electra',
    prefix: 'electra',
    padTokenId: 0,
    numbersPositions: 'from-zero',
    classifier: 'gelu',
    tokenHead: {
      dense: 'generator_predictions.dense',
      norm: 'generator_predictions.LayerNorm',
      bias: 'generator_lm_head.bias',
    },
  },
};

/**
 * BERT (Devlin et al. 2019) and the models that have its layers: RoBERTa (Liu et al. 2019), XLM-R (Conneau et al.
 * 2020), ELECTRA (Clark et al. 2020), as transformers computes them.
 */
export function bertEncoder(modelType: keyof typeof kinds, json: unknown, source: string): TextEncoder {
  const kind = kinds[modelType];
  const { prefix, numbersPositions } = kind;
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, intermediate_size: intermediate, vocab_size: vocabSize } = config;
  const size = modelType === 'electra' ? (config.embedding_size ?? 128) : hiddenSize;
  const padTokenId = config.pad_token_id ?? kind.padTokenId;
  const afterPadding = numbersPositions === 'after-padding';
  const shape = shapeOf(config);
  const embeddings: Embeddings = {
    prefix: `${prefix}.embeddings`,
    size,
    vocabSize,
    typeVocabSize: config.type_vocab_size,
    positions: config.max_position_embeddings,
    numbering: afterPadding ? { padTokenId } : 'from-zero',
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) =>
    bertLayerNames(`${prefix}.encoder.layer.${i}`),
  );
  const projection = `${prefix}.embeddings_project`;
  const hasPooler = kind.classifier === 'pooler';
  const pooler = `${prefix}.pooler.dense`;
  const classifierDropout = config.classifier_dropout ?? config.hidden_dropout_prob;

  const parameters = [
    ...embeddingsParameters(embeddings),
    ...(size === hiddenSize ? [] : linearParameters(projection, size, hiddenSize)),
    ...layers.flatMap((names) => postNormParameters(names, hiddenSize, intermediate)),
    ...(hasPooler ? linearParameters(pooler, hiddenSize, hiddenSize) : []),
  ];

  const embed = (c: EncoderContext): string => {
    const tokens = c.drop(embedTokens(c, embeddings), shape.dropout.hidden, ['batch', 'sequence', size]);
    return size === hiddenSize ? tokens : linear(c.builder, projection, tokens);
  };
  const graphs = encoderGraphs(
    shape,
    (c) => ({
      embedded: embed(c),
      layers: layers.map((names) => (rows) => postNormLayer(c, names, selfAttention(c, names, rows), rows)),
    }),
    (c, first) =>
      kind.classifier === 'pooler'
        ? activate(c.builder, 'tanh', linear(c.builder, pooler, first))
        : denseFeatures(c, first, kind.classifier, classifierDropout),
  );

  return {
    modelType,
    className: kind.className,
    prefix: `${prefix}.`,
    hiddenSize,
    maxPositions: config.max_position_embeddings - (afterPadding ? padTokenId + 1 : 0),
    typeVocabSize: config.type_vocab_size,
    vocabSize,
    padTokenId,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: classifierDropout },
    parameters,
    // softmax(Q·(K + 1·bᵀ)ᵀ): a key bias adds one number to a whole row of scores, which softmax ignores.
    zeroGradient: layers.map(({ key }) => `${key}.bias`),
    ...graphs,
    sequenceHead: hasPooler
      ? linearHead('classifier', classifierDropout)
      : denseHead(hiddenSize, classifierDropout),
    tokenClassHead: linearHead('classifier', classifierDropout),
    questionHead: linearHead('qa_outputs', 0),
    tokenHead: tiedTokenHead({
      ...kind.tokenHead,
      words: `${prefix}.embeddings.word_embeddings.weight`,
      hiddenSize,
      size,
      vocabSize,
      // BERT's head has the activation of its layers, the others always gelu.
      activation: hasPooler ? config.hidden_act : 'gelu',
      epsilon: config.layer_norm_eps,
    }),
  };
}

function shapeOf(config: Config): EncoderShape {
  return {
    hiddenSize: config.hidden_size,
    heads: config.num_attention_heads,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    dropout: { hidden: config.hidden_dropout_prob, attention: config.attention_probs_dropout_prob },
  };
}
