import type { GraphBuilder } from '../../graph/builder.ts';
import { float, int, string } from '../../graph/graph.ts';
import { float32 } from '../../tensor.ts';
import type { Drop } from '../dropout.ts';
import type { BertConfig } from './config.ts';
import { TOKEN_HEAD } from './parameters.ts';

/** The graph inputs of a text model: int64 `[batch, sequence]` each. */
export interface TextInputs {
  readonly inputIds: string;
  readonly attentionMask: string;
  readonly tokenTypeIds: string;
}

/** Where nodes go, and what they are to be. */
interface Plan {
  readonly builder: GraphBuilder;
  readonly config: BertConfig;
}

/** What a text encoder's graph is made of. */
export interface BertPlan extends Plan {
  readonly inputs: TextInputs;
  readonly drop: Drop;
}

/** What the layers share. */
interface Context extends BertPlan {
  /** int64 [1]: the number of texts and of positions. */
  readonly batch: string;
  readonly sequence: string;
  /** 0 where a key may be attended to, the lowest float where not: `[batch, 1, 1, sequence]`. */
  readonly maskBias: string;
}

/** The lowest float32: what transformers adds to the scores of masked keys. */
const LOWEST = -3.4028234663852886e38;

/** Positions of each text that are computed: all, or the first. */
type Positions = 'sequence' | 1;

/** The hidden states of every position, and what can be made of them. */
export interface HiddenStates {
  /** The name of `[batch · sequence, hidden]`, one row a token. */
  readonly hidden: string;
  /** Adds the pooler; the name of its output, `[batch, hidden]`. */
  readonly pool: () => string;
}

/**
 * BERT up to its pooler (Devlin et al. 2019), as transformers' BertModel computes it.
 *
 * Hidden states are kept as `[batch · sequence, hidden]`, one row a token, so that every linear layer is one Gemm
 * on the weight as Hugging Face stores it. Only the first position is pooled, so the last layer computes queries
 * and feed-forward for that position alone.
 *
 * @returns the name of the pooled output, `[batch, hidden]`
 */
export function bertPooled(plan: BertPlan): string {
  const c = contextOf(plan);
  const last = c.config.num_hidden_layers - 1;
  const hidden = layers(c, last);
  return pooler(c, layer(c, last, firstTokens(c, hidden), hidden, 1));
}

/** BERT with the last layer computed for every position, for what {@link bertPooled} leaves out. */
export function bertHidden(plan: BertPlan): HiddenStates {
  const c = contextOf(plan);
  const hidden = layers(c, c.config.num_hidden_layers);
  return { hidden, pool: () => pooler(c, firstTokens(c, hidden)) };
}

/**
 * The head of masked language modelling, transformers' BertLMPredictionHead: dense, activation, normalisation, and
 * the word embeddings again as the decoder.
 *
 * @param rows The hidden states to predict tokens from, `[rows, hidden]`.
 * @param output The name for the logits, `[rows, vocab]`.
 */
export function bertTokenLogits(
  builder: GraphBuilder,
  config: BertConfig,
  rows: string,
  output: string,
): string {
  const c = { builder, config };
  const dense = activation(c, linear(c, `${TOKEN_HEAD}.transform.dense`, rows));
  const transformed = layerNorm(c, `${TOKEN_HEAD}.transform.LayerNorm`, dense);
  const decoder = ['bert.embeddings.word_embeddings.weight', `${TOKEN_HEAD}.bias`];
  return builder.op('Gemm', [transformed, ...decoder], { transB: int(1) }, output);
}

function contextOf(plan: BertPlan): Context {
  const { builder, inputs } = plan;
  const shape = builder.op('Shape', [inputs.inputIds]);
  return {
    ...plan,
    batch: builder.op('Slice', [shape, builder.ints([0]), builder.ints([1])]),
    sequence: builder.op('Slice', [shape, builder.ints([1]), builder.ints([2])]),
    maskBias: maskBias(builder, inputs.attentionMask),
  };
}

/** The hidden states of every position after so many layers, `[batch · sequence, hidden]`. */
function layers(c: Context, count: number): string {
  let hidden = embeddings(c);
  for (let i = 0; i < count; i++) hidden = layer(c, i, hidden, hidden, 'sequence');
  return hidden;
}

/** @param first The rows of the first position, `[batch, hidden]`. */
function pooler(c: Context, first: string): string {
  return c.builder.op('Tanh', [linear(c, 'bert.pooler.dense', first)]);
}

function maskBias(builder: GraphBuilder, attentionMask: string): string {
  const mask = builder.op('Cast', [attentionMask], { to: int(1) });
  const one = builder.initializer('one', float32([], [1]));
  const lowest = builder.initializer('lowest', float32([], [LOWEST]));
  const bias = builder.op('Mul', [builder.op('Sub', [one, mask]), lowest]);
  return builder.op('Unsqueeze', [bias, builder.ints([1, 2])]);
}

function embeddings(c: Context): string {
  const { builder, config } = c;
  const { inputIds, tokenTypeIds } = c.inputs;
  const words = builder.op('Gather', ['bert.embeddings.word_embeddings.weight', inputIds]);
  const types = builder.op('Gather', ['bert.embeddings.token_type_embeddings.weight', tokenTypeIds]);
  const positions = builder.op('Slice', [
    'bert.embeddings.position_embeddings.weight',
    builder.ints([0]),
    c.sequence,
    builder.ints([0]),
  ]);
  const sum = builder.op('Add', [builder.op('Add', [words, types]), positions]);
  const tokens = builder.op('Reshape', [sum, builder.ints([-1, config.hidden_size])]);
  return dropHidden(c, layerNorm(c, 'bert.embeddings.LayerNorm', tokens), 'sequence');
}

/**
 * One encoder layer.
 *
 * @param queries The rows to compute, `[batch · positions, hidden]`.
 * @param keys The rows that they attend to, `[batch · sequence, hidden]`.
 * @param positions How many rows of `queries` each text has.
 */
function layer(c: Context, number: number, queries: string, keys: string, positions: Positions): string {
  const { builder, config } = c;
  const prefix = `bert.encoder.layer.${number}`;
  const heads = config.num_attention_heads;
  const headSize = config.hidden_size / heads;
  const attention = `${prefix}.attention`;
  /** `[batch · rows, hidden]` → `[batch, heads, rows, headSize]`, or with the last two axes exchanged. */
  const split = (x: string, rows: Positions, perm: readonly number[]): string => {
    const extent = rows === 1 ? builder.ints([1]) : c.sequence;
    const target = builder.op('Concat', [c.batch, extent, builder.ints([heads, headSize])], { axis: int(0) });
    return builder.transpose(builder.op('Reshape', [x, target]), perm);
  };

  // softmax(Q·Kᵀ/√d)·V, with 1/√d taken into the projection of Q
  const q = split(
    linear(c, `${attention}.self.query`, queries, 1 / Math.sqrt(headSize)),
    positions,
    [0, 2, 1, 3],
  );
  const k = split(linear(c, `${attention}.self.key`, keys), 'sequence', [0, 2, 3, 1]);
  const v = split(linear(c, `${attention}.self.value`, keys), 'sequence', [0, 2, 1, 3]);
  const scores = builder.op('Add', [builder.op('MatMul', [q, k]), c.maskBias]);
  const weights = c.drop(
    builder.op('Softmax', [scores], { axis: int(-1) }),
    config.attention_probs_dropout_prob,
    ['batch', heads, positions, 'sequence'],
  );
  const mixed = builder.transpose(builder.op('MatMul', [weights, v]), [0, 2, 1, 3]);
  const context = builder.op('Reshape', [mixed, builder.ints([-1, config.hidden_size])]);

  const attended = dropHidden(c, linear(c, `${attention}.output.dense`, context), positions);
  const middle = layerNorm(c, `${attention}.output.LayerNorm`, builder.op('Add', [attended, queries]));
  const inner = activation(c, linear(c, `${prefix}.intermediate.dense`, middle));
  const outer = dropHidden(c, linear(c, `${prefix}.output.dense`, inner), positions);
  return layerNorm(c, `${prefix}.output.LayerNorm`, builder.op('Add', [outer, middle]));
}

function dropHidden({ config, drop }: Context, x: string, positions: Positions): string {
  return drop(x, config.hidden_dropout_prob, ['batch', positions, config.hidden_size]);
}

/** The rows of the first position: `[batch · sequence, hidden]` → `[batch, hidden]`. */
function firstTokens({ builder, config, batch, sequence }: Context, hidden: string): string {
  const size = config.hidden_size;
  const target = builder.op('Concat', [batch, sequence, builder.ints([size])], { axis: int(0) });
  const byText = builder.op('Reshape', [hidden, target]);
  const first = builder.op('Slice', [byText, builder.ints([0]), builder.ints([1]), builder.ints([1])]);
  return builder.op('Reshape', [first, builder.ints([-1, size])]);
}

function linear({ builder }: Plan, prefix: string, x: string, scale = 1): string {
  const attributes = scale === 1 ? {} : { alpha: float(scale), beta: float(scale) };
  return builder.op('Gemm', [x, `${prefix}.weight`, `${prefix}.bias`], { transB: int(1), ...attributes });
}

function layerNorm({ builder, config }: Plan, prefix: string, x: string): string {
  return builder.op('LayerNormalization', [x, `${prefix}.weight`, `${prefix}.bias`], {
    axis: int(-1),
    epsilon: float(config.layer_norm_eps),
  });
}

function activation({ builder, config }: Plan, x: string): string {
  switch (config.hidden_act) {
    case 'gelu':
      return builder.op('Gelu', [x]);
    case 'gelu_new':
    case 'gelu_pytorch_tanh':
      return builder.op('Gelu', [x], { approximate: string('tanh') });
    case 'relu':
      return builder.op('Relu', [x]);
  }
}
