import { z } from 'zod';
import type { GraphBuilder } from '../../graph/builder.ts';
import { int } from '../../graph/graph.ts';
import { float32, int64 } from '../../tensor.ts';
import { type AttentionVariant, attend } from '../attention.ts';
import { headSize } from '../attention-heads.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import { positionNumbers } from '../embeddings.ts';
import {
  type EncoderContext,
  type EncoderShape,
  encoderGraphs,
  firstTokens,
  type LayerRows,
  type Positions,
} from '../encoder-graph.ts';
import { activate, layerNorm, linearIf } from '../layers.ts';
import {
  embeddingParameters,
  layerNormParameters,
  linearParameters,
  type Parameter,
  withDeviation,
} from '../parameters.ts';
import { rotation } from '../rotary.ts';
import type { Head, TextEncoder, TokenHead } from '../text-encoder.ts';

const rope = z.looseObject({
  rope_type: z.literal('default').default('default'),
  rope_theta: positive.optional(),
});

/** The hyperparameters by their names in transformers' ModernBertConfig; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  hidden_activation: activation.default('gelu'),
  max_position_embeddings: count,
  initializer_range: positive.default(0.02),
  norm_eps: positive.default(1e-5),
  norm_bias: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  decoder_bias: z.boolean().default(true),
  classifier_bias: z.boolean().default(false),
  classifier_activation: activation.default('gelu'),
  classifier_pooling: z.enum(['cls', 'mean']).default('cls'),
  attention_dropout: probability.default(0),
  embedding_dropout: probability.default(0),
  mlp_dropout: probability.default(0),
  classifier_dropout: probability.default(0),
  local_attention: count.default(128),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).nullish(),
  rope_parameters: z
    .looseObject({ full_attention: rope.nullish(), sliding_attention: rope.nullish() })
    .nullish(),
  // How configs say it that are older than `layer_types` and `rope_parameters`.
  global_attn_every_n_layers: count.default(3),
  global_rope_theta: positive.default(160_000),
  local_rope_theta: positive.default(10_000),
  pad_token_id: z.int().min(0).nullish(),
});

type Config = z.infer<typeof schema>;

const WORDS = 'model.embeddings.tok_embeddings';
const EMBEDDING_NORM = 'model.embeddings.norm';
const FINAL_NORM = 'model.final_norm';
const HEAD_DENSE = 'head.dense';
const HEAD_NORM = 'head.norm';

/**
 * ModernBERT (Warner et al. 2024), as transformers computes it: layers that normalise first, rotary positions, gated
 * feed-forward networks, and attention that in two of three layers reaches nearby tokens only.
 */
export function modernbertEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, vocab_size: vocabSize } = config;
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.num_attention_heads,
    activation: config.hidden_activation,
    epsilon: config.norm_eps,
    dropout: { hidden: config.embedding_dropout, attention: config.attention_dropout },
  };
  const head = headPart(config);
  // transformers draws the last layer of its classifiers from N(0, 1/hidden).
  const onHead: Head = {
    parameters: head.parameters,
    output: 'classifier',
    deviation: 1 / Math.sqrt(hiddenSize),
    dropout: config.classifier_dropout,
    features: head.features,
  };

  return {
    modelType: 'modernbert',
    className: 'ModernBert',
    prefix: 'model.',
    hiddenSize,
    maxPositions: config.max_position_embeddings,
    typeVocabSize: 0,
    vocabSize,
    padTokenId: config.pad_token_id ?? 50_283,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: config.classifier_dropout },
    parameters: [
      ...embeddingParameters(WORDS, vocabSize, hiddenSize),
      ...normParameters(config, EMBEDDING_NORM),
      ...layerTypes(config).flatMap((_, i) => layerParameters(config, i)),
      ...normParameters(config, FINAL_NORM),
    ],
    zeroGradient: [],
    ...encoderGraphs(
      shape,
      (c) => {
        const attention = attentions(c, config);
        return {
          embedded: embed(c, config),
          layers: layerTypes(config).map((type, i) => (rows) => layer(c, config, i, attention[type], rows)),
          finish: (rows) => layerNorm(c.builder, FINAL_NORM, rows, shape.epsilon, config.norm_bias),
        };
      },
      ({ builder }, pooled) => head.features(builder, pooled),
      config.classifier_pooling === 'mean' ? 'mean' : 'first',
    ),
    sequenceHead: onHead,
    tokenClassHead: onHead,
    questionHead: onHead,
    tokenHead: tokenHead(config, head),
  };
}

type AttentionType = 'full_attention' | 'sliding_attention';

function layerTypes(config: Config): readonly AttentionType[] {
  const { layer_types: types, num_hidden_layers: depth, global_attn_every_n_layers: every } = config;
  return (
    types ??
    Array.from({ length: depth }, (_, i) => (i % every === 0 ? 'full_attention' : 'sliding_attention'))
  );
}

function normParameters({ hidden_size: size, norm_bias: hasBias }: Config, name: string): Parameter[] {
  return layerNormParameters(name, size).slice(0, hasBias ? 2 : 1);
}

function layerParameters(config: Config, number: number): Parameter[] {
  const { hidden_size: hidden, intermediate_size: intermediate, initializer_range: range } = config;
  const prefix = `model.layers.${number}`;
  const dense = (name: string, inFeatures: number, outFeatures: number, hasBias: boolean): Parameter[] =>
    linearParameters(`${prefix}.${name}`, inFeatures, outFeatures).slice(0, hasBias ? 2 : 1);
  const outward = range / Math.sqrt(2 * config.num_hidden_layers);
  return [
    ...(number === 0 ? [] : normParameters(config, `${prefix}.attn_norm`)),
    ...dense('attn.Wqkv', hidden, 3 * hidden, config.attention_bias),
    ...withDeviation(dense('attn.Wo', hidden, hidden, config.attention_bias), outward),
    ...normParameters(config, `${prefix}.mlp_norm`),
    ...dense('mlp.Wi', hidden, 2 * intermediate, config.mlp_bias),
    ...withDeviation(dense('mlp.Wo', intermediate, hidden, config.mlp_bias), outward),
  ];
}

/** What every head begins with: dense, activation, normalisation. */
function headPart(config: Config) {
  const { hidden_size: hidden, initializer_range: range, classifier_bias: hasBias } = config;
  const dense = linearParameters(HEAD_DENSE, hidden, hidden).slice(0, hasBias ? 2 : 1);
  return {
    parameters: [
      ...withDeviation(dense, range / Math.sqrt(2 * config.num_hidden_layers)),
      ...normParameters(config, HEAD_NORM),
    ],
    features: (builder: GraphBuilder, rows: string): string => {
      const projected = linearIf(hasBias, builder, HEAD_DENSE, rows);
      const activated = activate(builder, config.classifier_activation, projected);
      return layerNorm(builder, HEAD_NORM, activated, config.norm_eps, config.norm_bias);
    },
  };
}

function tokenHead(config: Config, { parameters, features }: ReturnType<typeof headPart>): TokenHead {
  const bias: Parameter = { name: 'decoder.bias', shape: [config.vocab_size], initialization: 'zeros' };
  const decoder = config.decoder_bias ? [bias] : [];
  return {
    parameters: [...parameters, ...decoder],
    logits: (builder, rows, output) => {
      const operands = [features(builder, rows), `${WORDS}.weight`, ...decoder.map(({ name }) => name)];
      return builder.op('Gemm', operands, { transB: int(1) }, output);
    },
  };
}

/** What the first layer reads, `[batch · sequence, hidden]`. */
function embed({ builder, inputs, shape, drop }: EncoderContext, config: Config): string {
  const words = builder.op('Gather', [`${WORDS}.weight`, inputs.inputIds]);
  const rows = builder.op('Reshape', [words, builder.ints([-1, shape.hiddenSize])]);
  const normalized = layerNorm(builder, EMBEDDING_NORM, rows, shape.epsilon, config.norm_bias);
  return drop(normalized, config.embedding_dropout, ['batch', 'sequence', shape.hiddenSize]);
}

type Attention = (positions: Positions) => AttentionVariant;

/** The two kinds of attention: how they turn by position, and what they reach. */
function attentions(c: EncoderContext, config: Config): Readonly<Record<AttentionType, Attention>> {
  const { rope_parameters: given } = config;
  const turn = (type: AttentionType, theta: number) =>
    rotation(c, type, headSize(c), given?.[type]?.rope_theta ?? theta);
  const full = { rotate: turn('full_attention', config.global_rope_theta) };
  const sliding = turn('sliding_attention', config.local_rope_theta);
  const bias = windowBias(c, Math.trunc(config.local_attention / 2));
  return {
    full_attention: () => full,
    sliding_attention: (positions) => ({
      rotate: sliding,
      mask: (scores) => c.builder.op('Add', [scores, bias(positions)]),
    }),
  };
}

/**
 * 0 where a key is no padding and at most `reach` positions away, the lowest float where not:
 * `[batch, 1, positions, sequence]`.
 */
function windowBias(c: EncoderContext, reach: number): (positions: Positions) => string {
  const { builder, inputs, sequence } = c;
  const position = positionNumbers(c, sequence);
  const row = builder.op('Unsqueeze', [position, builder.ints([1])]);
  const distance = builder.op('Abs', [builder.op('Sub', [position, row])]);
  const limit = builder.initializer('window_reach', int64([], [reach]));
  const isNear = builder.op('LessOrEqual', [distance, limit]);
  const isReal = builder.op('Cast', [inputs.attentionMask], { to: int(9) });
  const keys = builder.op('Unsqueeze', [isReal, builder.ints([1, 2])]);
  const zero = builder.initializer('zero_bias', float32([], [0]));
  return (positions) => {
    const near =
      positions === 1
        ? builder.op('Slice', [isNear, builder.ints([0]), builder.ints([1]), builder.ints([0])])
        : isNear;
    return builder.op('Where', [builder.op('And', [keys, near]), zero, 'lowest']);
  };
}

/** x + attention(norm(x)), and of that y + mlp(norm(y)). */
function layer(
  c: EncoderContext,
  config: Config,
  number: number,
  attention: Attention,
  { queries, keys, positions }: LayerRows,
): string {
  const { builder, shape } = c;
  const prefix = `model.layers.${number}`;
  const norm = (name: string, rows: string): string =>
    layerNorm(builder, `${prefix}.${name}`, rows, shape.epsilon, config.norm_bias);
  const dense = (name: string, rows: string, hasBias: boolean): string =>
    linearIf(hasBias, builder, `${prefix}.${name}`, rows);
  const columns = (rows: string, from: number, to: number): string =>
    builder.op('Slice', [rows, builder.ints([from]), builder.ints([to]), builder.ints([1])]);

  // The embeddings are normalised already.
  const normalized = number === 0 ? keys : norm('attn_norm', keys);
  const all = dense('attn.Wqkv', normalized, config.attention_bias);
  const [size, inner] = [shape.hiddenSize, config.intermediate_size];
  const everyQuery = columns(all, 0, size);
  const scale = builder.initializer('attention_scale', float32([], [1 / Math.sqrt(headSize(c))]));
  const projected = {
    queries: builder.op('Mul', [positions === 1 ? firstTokens(c, everyQuery) : everyQuery, scale]),
    keys: columns(all, size, 2 * size),
    values: columns(all, 2 * size, 3 * size),
  };
  const mixed = attend(c, projected, positions, attention(positions));
  const output = dense('attn.Wo', mixed, config.attention_bias);
  const attended = builder.op('Add', [
    queries,
    c.drop(output, config.attention_dropout, ['batch', positions, size]),
  ]);

  const both = dense('mlp.Wi', norm('mlp_norm', attended), config.mlp_bias);
  const activated = activate(builder, shape.activation, columns(both, 0, inner));
  const gated = builder.op('Mul', [activated, columns(both, inner, 2 * inner)]);
  const dropped = c.drop(gated, config.mlp_dropout, ['batch', positions, inner]);
  return builder.op('Add', [attended, dense('mlp.Wo', dropped, config.mlp_bias)]);
}
