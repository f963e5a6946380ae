import { z } from 'zod';
import { int } from '../../graph/graph.ts';
import { attend } from '../attention.ts';
import { byRow, headSize, splitHeads } from '../attention-heads.ts';
import { activation, count, parseConfig, positive, probability } from '../config.ts';
import {
  contentToPosition,
  type DistanceRows,
  distanceRows,
  positionToContent,
  type RelativePositions,
} from '../disentangled.ts';
import { type Embeddings, embeddingSum, embeddingTables } from '../embeddings.ts';
import {
  dropHidden,
  type EncoderContext,
  type EncoderShape,
  encoderGraphs,
  type LayerRows,
  rowMask,
} from '../encoder-graph.ts';
import { linearHead, tiedTokenHead } from '../heads.ts';
import { activate, layerNorm, linear, linearIf } from '../layers.ts';
import { embeddingParameters, layerNormParameters, linearParameters, type Parameter } from '../parameters.ts';
import { bertLayerNames, type PostNormNames, postNormLayer, postNormParameters } from '../post-norm.ts';
import { debertaBucket, reachOf } from '../relative-positions.ts';
import type { TextEncoder } from '../text-encoder.ts';

const positionKinds = ['c2p', 'p2c'] as const;

/** The hyperparameters by their names in transformers' DebertaV2Config; other keys pass through unread. */
const schema = z.looseObject({
  vocab_size: count,
  hidden_size: count,
  embedding_size: count.optional(),
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  hidden_act: activation.default('gelu'),
  max_position_embeddings: count,
  type_vocab_size: z.int().min(0).default(0),
  layer_norm_eps: positive.default(1e-7),
  initializer_range: positive.default(0.02),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  cls_dropout: probability.nullish(),
  pooler_dropout: probability.default(0),
  pooler_hidden_act: activation.default('gelu'),
  pad_token_id: z.int().min(0).nullish(),
  position_biased_input: z.boolean().default(true),
  relative_attention: z.boolean().default(false),
  max_relative_positions: z.int().default(-1),
  position_buckets: z.int().default(-1),
  share_att_key: z.boolean().default(false),
  norm_rel_ebd: z.string().default('none'),
  /** `"p2c|c2p"`, or a list. */
  pos_att_type: z
    .union([z.string().transform((kinds) => kinds.toLowerCase().split('|')), z.array(z.string())])
    .nullish()
    .transform((kinds) => (kinds ?? []).map((kind) => kind.trim()).filter((kind) => kind !== ''))
    .pipe(z.array(z.enum(positionKinds))),
  /** Only the two largest models of version 2 have a convolution. */
  conv_kernel_size: z.literal(0).default(0),
  legacy: z.boolean().default(true),
});

type Config = z.infer<typeof schema>;

const RELATIVE = 'deberta.encoder.rel_embeddings';
const RELATIVE_NORM = 'deberta.encoder.LayerNorm';
const PROJECTION = 'deberta.embeddings.embed_proj';
const EMBEDDING_NORM = 'deberta.embeddings.LayerNorm';
const POOLER = 'pooler.dense';

/**
 * DeBERTa, versions 2 and 3 (He et al. 2021, 2023), as transformers computes it: attention scores of content to
 * content, content to relative position and relative position to content.
 */
export function debertaEncoder(json: unknown, source: string): TextEncoder {
  const config = parseConfig(schema, json, source);
  const { hidden_size: hiddenSize, vocab_size: vocabSize } = config;
  const size = config.embedding_size ?? hiddenSize;
  const dropout = config.cls_dropout ?? config.hidden_dropout_prob;
  const shape: EncoderShape = {
    hiddenSize,
    heads: config.num_attention_heads,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    dropout: { hidden: config.hidden_dropout_prob, attention: config.attention_probs_dropout_prob },
  };
  const embeddings: Embeddings = {
    prefix: 'deberta.embeddings',
    size,
    vocabSize,
    typeVocabSize: config.type_vocab_size,
    positions: config.position_biased_input ? config.max_position_embeddings : 0,
    numbering: 'from-zero',
  };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) =>
    layerNames(`deberta.encoder.layer.${i}`),
  );
  const relative = config.relative_attention ? relativePositions(config) : undefined;
  const tokenHead = config.legacy ? 'cls.predictions' : 'lm_predictions.lm_head';

  return {
    modelType: 'deberta-v2',
    className: 'DebertaV2',
    prefix: 'deberta.',
    hiddenSize,
    maxPositions: config.max_position_embeddings,
    typeVocabSize: config.type_vocab_size,
    vocabSize,
    padTokenId: config.pad_token_id ?? 0,
    initializerRange: config.initializer_range,
    dropout: { ...shape.dropout, classifier: dropout },
    parameters: [
      ...embeddingTables(embeddings),
      ...(size === hiddenSize
        ? []
        : linearParameters(PROJECTION, size, hiddenSize).filter(({ name }) => name.endsWith('.weight'))),
      ...layerNormParameters(EMBEDDING_NORM, hiddenSize),
      ...layers.flatMap((names) => [
        ...postNormParameters(names, hiddenSize, config.intermediate_size),
        ...positionProjections(config, names).flatMap((name) =>
          linearParameters(name, hiddenSize, hiddenSize),
        ),
      ]),
      ...(relative === undefined ? [] : relativeParameters(config, relative)),
    ],
    zeroGradient: layers.flatMap((names) => zeroGradient(config, names)),
    ...encoderGraphs(
      shape,
      (c) => {
        const attention = disentangledAttention(c, config, relative);
        return {
          embedded: embed(c, embeddings),
          layers: layers.map((names) => (rows) => postNormLayer(c, names, attention(names, rows), rows)),
        };
      },
      (c, first) => {
        const dropped = c.drop(first, config.pooler_dropout, ['batch', hiddenSize]);
        return activate(c.builder, config.pooler_hidden_act, linear(c.builder, POOLER, dropped));
      },
    ),
    sequenceHead: {
      ...linearHead('classifier', dropout),
      parameters: linearParameters(POOLER, hiddenSize, hiddenSize),
    },
    tokenClassHead: linearHead('classifier', config.hidden_dropout_prob),
    questionHead: linearHead('qa_outputs', 0),
    tokenHead: tiedTokenHead({
      dense: `${tokenHead}.${config.legacy ? 'transform.' : ''}dense`,
      norm: `${tokenHead}.${config.legacy ? 'transform.' : ''}LayerNorm`,
      bias: `${tokenHead}.bias`,
      words: 'deberta.embeddings.word_embeddings.weight',
      hiddenSize,
      size,
      vocabSize,
      activation: config.hidden_act,
      epsilon: config.layer_norm_eps,
    }),
  };
}

function layerNames(layer: string): PostNormNames {
  return {
    ...bertLayerNames(layer),
    query: `${layer}.attention.self.query_proj`,
    key: `${layer}.attention.self.key_proj`,
    value: `${layer}.attention.self.value_proj`,
  };
}

/** The projections of relative positions: their own, or with `share_att_key` those of content. */
function positionNames({ share_att_key: isShared }: Config, { query, key }: PostNormNames) {
  const own = (name: string): string => name.replace(/[a-z_]+$/, (last) => `pos_${last}`);
  return isShared ? { query, key } : { query: own(query), key: own(key) };
}

/** Those that are parameters of their own. */
function positionProjections(config: Config, names: PostNormNames): string[] {
  if (!config.relative_attention || config.share_att_key) return [];
  const { query, key } = positionNames(config, names);
  const { pos_att_type: kinds } = config;
  return [...(kinds.includes('c2p') ? [key] : []), ...(kinds.includes('p2c') ? [query] : [])];
}

function relativeParameters(config: Config, { span }: RelativePositions): Parameter[] {
  const { hidden_size: hiddenSize } = config;
  return [
    ...embeddingParameters(RELATIVE, 2 * span, hiddenSize),
    ...(hasRelativeNorm(config) ? layerNormParameters(RELATIVE_NORM, hiddenSize) : []),
  ];
}

const hasRelativeNorm = ({ norm_rel_ebd: norm }: Config): boolean =>
  norm
    .toLowerCase()
    .split('|')
    .some((part) => part.trim() === 'layer_norm');

/**
 * The key biases that add one number to a whole row of scores, which softmax ignores: that of content unless the
 * keys are read by position too, that of positions.
 */
function zeroGradient(config: Config, names: PostNormNames): string[] {
  const { pos_att_type: kinds, relative_attention: isRelative, share_att_key: isShared } = config;
  const ofContent = isRelative && kinds.includes('p2c') ? [] : [`${names.key}.bias`];
  const hasOwnKeys = isRelative && !isShared && kinds.includes('c2p');
  return hasOwnKeys ? [...ofContent, `${positionNames(config, names).key}.bias`] : ofContent;
}

function relativePositions(config: Config): RelativePositions {
  const {
    max_relative_positions: given,
    max_position_embeddings: positions,
    position_buckets: buckets,
  } = config;
  const furthest = given < 1 ? positions : given;
  const longest = reachOf(positions);
  if (buckets <= 0) return { span: furthest, bucketOf: (distance) => distance, longest };
  return { span: buckets, bucketOf: (distance) => debertaBucket(distance, buckets, furthest), longest };
}

/** What the first layer reads, `[batch · sequence, hidden]`: 0 for padding. */
function embed(c: EncoderContext, embeddings: Embeddings): string {
  const { builder, shape } = c;
  const sum = embeddingSum(c, embeddings);
  const projected = embeddings.size === shape.hiddenSize ? sum : linearIf(false, builder, PROJECTION, sum);
  const normalized = layerNorm(builder, EMBEDDING_NORM, projected, shape.epsilon);
  return dropHidden(c, builder.op('Mul', [normalized, rowMask(c)]), 'sequence');
}

/** Attention up to its output projection, with what all layers share made once. */
function disentangledAttention(
  c: EncoderContext,
  config: Config,
  relative: RelativePositions | undefined,
): (names: PostNormNames, rows: LayerRows) => string {
  const { builder, shape } = c;
  const { pos_att_type: kinds } = config;
  // The sum of so many kinds of scores is divided by √(d · kinds).
  const scale = 1 / Math.sqrt(headSize(c) * (1 + kinds.length));
  const isPair = pairMask(c);
  const distances = relative === undefined ? undefined : distanceRows(c, relative);
  const table = relative === undefined ? '' : relativeTable(c, config);

  return (names, { queries, keys, positions }) => {
    const projected = {
      queries: linear(builder, names.query, queries, scale),
      keys: linear(builder, names.key, keys),
      values: linear(builder, names.value, keys),
    };
    const bias = (rows: DistanceRows): string | undefined => {
      const dropped = c.drop(table, shape.dropout.hidden, [2 * (relative?.span ?? 0), shape.hiddenSize]);
      const byPosition = positionNames(config, names);
      const scores = kinds.map((kind) => {
        if (kind === 'c2p') {
          const q = splitHeads(c, projected.queries, positions, byRow);
          return contentToPosition(c, q, linear(builder, byPosition.key, dropped), rows, positions);
        }
        const k = splitHeads(c, projected.keys, 'sequence', byRow);
        return positionToContent(c, k, linear(builder, byPosition.query, dropped, scale), rows, positions);
      });
      return scores.length === 0 ? undefined : scores.reduce((sum, x) => builder.op('Add', [sum, x]));
    };
    const added = distances === undefined ? undefined : bias(distances);
    return attend(c, projected, positions, {
      ...(added === undefined ? {} : { bias: added }),
      mask: (scores) => builder.op('Where', [isPair[positions], scores, 'lowest']),
    });
  };
}

/** The embeddings of relative positions, `[2 · span, hidden]`. */
function relativeTable({ builder, shape }: EncoderContext, config: Config): string {
  const table = `${RELATIVE}.weight`;
  return hasRelativeNorm(config) ? layerNorm(builder, RELATIVE_NORM, table, shape.epsilon) : table;
}

/**
 * Whether both query and key are no padding, bool: `[batch, 1, sequence, sequence]` for all queries, and
 * `[batch, 1, 1, sequence]` for the first, which is never padding.
 */
function pairMask({ builder, inputs }: EncoderContext): { readonly sequence: string; readonly 1: string } {
  const isReal = builder.op('Cast', [inputs.attentionMask], { to: int(9) });
  const keys = builder.op('Unsqueeze', [isReal, builder.ints([1, 2])]);
  const queries = builder.op('Unsqueeze', [isReal, builder.ints([1, 3])]);
  return { sequence: builder.op('And', [queries, keys]), 1: keys };
}
