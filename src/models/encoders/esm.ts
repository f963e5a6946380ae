import { z } from 'zod';
import { int } from '../../graph/graph.ts';
import { float32, int64 } from '../../tensor.ts';
import { type AttentionVariant, selfAttention } from '../attention.ts';
import { count, parseConfig, positive, probability } from '../config.ts';
import { type Embeddings, embeddingSum, embeddingTables, positionRows } from '../embeddings.ts';
import {
  dropHidden,
  type EncoderContext,
  type EncoderShape,
  encoderGraphs,
  type LayerRows,
  rowMask,
} from '../encoder-graph.ts';
import { denseFeatures, denseHead, linearHead, tiedTokenHead } from '../heads.ts';
import { activate, layerNorm, linear } from '../layers.ts';
import { layerNormParameters, linearParameters, type Parameter } from '../parameters.ts';
import { rotation } from '../rotary.ts';
import type { TextEncoder } from '../text-encoder.ts';

/** The hyperparameters by their names in transformers' EsmConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  max_position_embeddings: count,
  layer_norm_eps: positive.default(1e-12),
  initializer_range: positive.default(0.02),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  position_embedding_type: z.enum(['absolute', 'rotary']).default('absolute'),
  rope_theta: positive.default(10_000),
  emb_layer_norm_before: z.boolean().nullish(),
  token_dropout: z.boolean().nullish(),
  is_folding_model: z.literal(false).nullish(),
  pad_token_id: z.int().min(0).nullish(),
  mask_token_id: z.int().min(0).nullish(),
});

type Config = z.infer<typeof schema>;

const EMBEDDING_NORM = 'esm.embeddings.layer_norm';
const FINAL_NORM = 'esm.encoder.emb_layer_norm_after';

/** The share of tokens that were masked in the training of every ESM model. */
const MASKED_IN_TRAINING = 0.15 * 0.8;

/**
 * ESM-2 and ESM-1b (Lin et al. 2023, Rives et al. 2021), language models of proteins, as transformers computes them:
 * layers that normalise before attention and before the feed-forward network.
 */
export function esmEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, vocab_size: vocabSize, hidden_dropout_prob: dropout } = config;
  const padTokenId = config.pad_token_id ?? 1;
  const isRotary = config.position_embedding_type === 'rotary';
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.num_attention_heads,
    activation: 'gelu',
    epsilon: config.layer_norm_eps,
    dropout: { hidden: dropout, attention: config.attention_probs_dropout_prob },
  };
  const embeddings: Embeddings = {
    prefix: 'esm.embeddings',
    size: hiddenSize,
    vocabSize,
    typeVocabSize: 0,
    positions: isRotary ? 0 : config.max_position_embeddings,
    numbering: { padTokenId },
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `esm.encoder.layer.${i}`);

  return {
    modelType: 'esm',
    className: 'Esm',
    prefix: 'esm.',
    hiddenSize,
    maxPositions: config.max_position_embeddings - padTokenId - 1,
    typeVocabSize: 0,
    vocabSize,
    padTokenId,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: dropout },
    parameters: [
      ...embeddingTables(embeddings),
      ...(config.emb_layer_norm_before === true ? layerNormParameters(EMBEDDING_NORM, hiddenSize) : []),
      ...layers.flatMap((layer) => layerParameters(layer, hiddenSize, config.intermediate_size)),
      ...layerNormParameters(FINAL_NORM, hiddenSize),
    ],
    // Turned by its position, a key bias counts.
    zeroGradient: isRotary ? [] : layers.map((layer) => `${layer}.attention.self.key.bias`),
    ...encoderGraphs(
      shape,
      (c) => {
        const variant = isRotary
          ? { rotate: rotation(c, 'rotary', hiddenSize / shape.heads, config.rope_theta) }
          : {};
        return {
          embedded: embed(c, config, embeddings),
          layers: layers.map((name) => (rows) => {
            const attended = attention(c, name, rows, variant);
            const inner = linear(
              c.builder,
              `${name}.intermediate.dense`,
              layerNorm(c.builder, `${name}.LayerNorm`, attended, shape.epsilon),
            );
            const outer = linear(c.builder, `${name}.output.dense`, activate(c.builder, 'gelu', inner));
            return c.builder.op('Add', [dropHidden(c, outer, rows.positions), attended]);
          }),
          finish: (rows) => layerNorm(c.builder, FINAL_NORM, rows, shape.epsilon),
        };
      },
      (c, first) => denseFeatures(c, first, 'tanh', dropout),
    ),
    sequenceHead: denseHead(hiddenSize, dropout),
    tokenClassHead: linearHead('classifier', dropout),
    questionHead: undefined,
    tokenHead: tiedTokenHead({
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      bias: 'lm_head.bias',
      words: 'esm.embeddings.word_embeddings.weight',
      hiddenSize,
      size: hiddenSize,
      vocabSize,
      activation: 'gelu',
      epsilon: config.layer_norm_eps,
    }),
  };
}

function layerParameters(layer: string, hidden: number, intermediate: number): Parameter[] {
  return [
    ...linearParameters(`${layer}.attention.self.query`, hidden, hidden),
    ...linearParameters(`${layer}.attention.self.key`, hidden, hidden),
    ...linearParameters(`${layer}.attention.self.value`, hidden, hidden),
    ...linearParameters(`${layer}.attention.output.dense`, hidden, hidden),
    ...layerNormParameters(`${layer}.attention.LayerNorm`, hidden),
    ...linearParameters(`${layer}.intermediate.dense`, hidden, intermediate),
    ...linearParameters(`${layer}.output.dense`, intermediate, hidden),
    ...layerNormParameters(`${layer}.LayerNorm`, hidden),
  ];
}

/** x + dropout(dense(attention(norm(x)))) */
function attention(
  c: EncoderContext,
  layer: string,
  { queries, keys, positions }: LayerRows,
  variant: AttentionVariant,
): string {
  const { builder, shape } = c;
  const prefix = `${layer}.attention`;
  const normalized = (rows: string): string => layerNorm(builder, `${prefix}.LayerNorm`, rows, shape.epsilon);
  const normalizedKeys = normalized(keys);
  const mixed = selfAttention(
    c,
    { query: `${prefix}.self.query`, key: `${prefix}.self.key`, value: `${prefix}.self.value` },
    { queries: positions === 1 ? normalized(queries) : normalizedKeys, keys: normalizedKeys, positions },
    variant,
  );
  const output = dropHidden(c, linear(builder, `${prefix}.output.dense`, mixed), positions);
  return builder.op('Add', [output, queries]);
}

/** What the first layer reads, `[batch · sequence, hidden]`: 0 for padding. */
function embed(c: EncoderContext, config: Config, embeddings: Embeddings): string {
  const { builder, shape } = c;
  const words = embeddingSum(c, { ...embeddings, positions: 0 });
  const scaled = config.token_dropout === true ? tokenDropout(c, words, config.mask_token_id) : words;
  const placed = embeddings.positions === 0 ? scaled : addPositions(c, scaled, embeddings);
  const normalized =
    config.emb_layer_norm_before === true
      ? layerNorm(builder, EMBEDDING_NORM, placed, shape.epsilon)
      : placed;
  return builder.op('Mul', [normalized, rowMask(c)]);
}

function addPositions(c: EncoderContext, rows: string, embeddings: Embeddings): string {
  const { builder } = c;
  const flat = builder.op('Reshape', [positionRows(c, embeddings), builder.ints([-1, embeddings.size])]);
  return builder.op('Add', [rows, flat]);
}

/**
 * ESM's token dropout, which is not random: mask tokens become 0, and the others are scaled up or down as if the
 * share of training were masked.
 */
function tokenDropout(c: EncoderContext, words: string, maskTokenId: number | null | undefined): string {
  const { builder, inputs } = c;
  const maskToken = builder.initializer('mask_token_id', int64([], [maskTokenId ?? -1]));
  const isMask = builder.op('Cast', [builder.op('Equal', [inputs.inputIds, maskToken])], { to: int(1) });
  const real = builder.op('Cast', [inputs.attentionMask], { to: int(1) });
  const total = (x: string): string => builder.op('ReduceSum', [x, builder.ints([1])], { keepdims: int(1) });
  const one = builder.initializer('one', float32([], [1]));
  const kept = builder.op('Sub', [one, builder.op('Div', [total(isMask), total(real)])]);
  const inTraining = builder.initializer('kept_in_training', float32([], [1 - MASKED_IN_TRAINING]));
  // [batch, sequence]: 0 for mask tokens, else 0.88 divided by the share of tokens that are kept
  const factor = builder.op('Mul', [builder.op('Sub', [one, isMask]), builder.op('Div', [inTraining, kept])]);
  return builder.op('Mul', [words, builder.op('Reshape', [factor, builder.ints([-1, 1])])]);
}
