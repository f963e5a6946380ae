import type { GraphBuilder } from '../graph/builder.ts';
import { int } from '../graph/graph.ts';
import { float32 } from '../tensor.ts';
import { type Drop, dropNothing } from './dropout.ts';
import type { Activation } from './layers.ts';
import type { GraphUse, TextEncoder, TextInputs } from './text-encoder.ts';

/** The sizes and choices that the layers of an encoder share. */
export interface EncoderShape {
  readonly hiddenSize: number;
  readonly heads: number;
  readonly activation: Activation;
  /** Of every layer normalisation. */
  readonly epsilon: number;
  readonly dropout: { readonly hidden: number; readonly attention: number };
}

/** An encoder's graph under construction: what its layers share. */
export interface EncoderContext {
  readonly builder: GraphBuilder;
  readonly shape: EncoderShape;
  readonly inputs: TextInputs;
  readonly drop: Drop;
  readonly use: GraphUse;
  /** int64 [1]: the number of texts and of positions. */
  readonly batch: string;
  readonly sequence: string;
  /** 0 where a key may be attended to, the lowest float where not: `[batch, 1, 1, sequence]`. */
  readonly maskBias: string;
}

/** Positions of each text that are computed: all, or the first. */
export type Positions = 'sequence' | 1;

/** The rows that a layer computes, and those that they attend to. */
export interface LayerRows {
  /** `[batch · positions, hidden]` */
  readonly queries: string;
  /** `[batch · sequence, hidden]` */
  readonly keys: string;
  /** How many rows of `queries` each text has. */
  readonly positions: Positions;
}

/** Adds a layer to the graph; its output, `[batch · positions, hidden]`. */
export type Layer = (rows: LayerRows) => string;

/**
 * An encoder's body.
 *
 * Hidden states are kept as `[batch · sequence, hidden]`, one row a token, so that every linear layer is one Gemm
 * on the weight as Hugging Face stores it.
 */
export interface EncoderBody {
  /** What the first layer reads, `[batch · sequence, hidden]`. */
  readonly embedded: string;
  readonly layers: readonly Layer[];
  /** Adds what comes after the last layer, row by row. */
  readonly finish?: (rows: string) => string;
}

/** The lowest float32: what transformers adds to the scores of masked keys. */
export const LOWEST = -3.4028234663852886e38;

/**
 * The two ways in which an architecture's graph is built.
 *
 * Where only the first position is wanted, the last layer computes queries and feed-forward for that position alone.
 *
 * @param features Adds what a sequence classifier has before its last dropout and layer, on one row of each text,
 *   `[batch, hidden]`.
 * @param pooling Which row that is: the first position's, or the mean over those that are no padding.
 */
export function encoderGraphs(
  shape: EncoderShape,
  body: (context: EncoderContext) => EncoderBody,
  features: (context: EncoderContext, pooled: string) => string,
  pooling: 'first' | 'mean' = 'first',
): Pick<TextEncoder, 'pooled' | 'hidden'> {
  return {
    pooled: (builder, inputs, drop = dropNothing, use = 'compute') => {
      const context = encoderContext(builder, shape, inputs, drop, use);
      const pooled =
        pooling === 'first'
          ? firstPosition(context, body(context))
          : meanTokens(context, everyPosition(body(context)));
      return features(context, pooled);
    },
    hidden: (builder, inputs, drop = dropNothing) => {
      const context = encoderContext(builder, shape, inputs, drop, 'compute');
      const hidden = everyPosition(body(context));
      const pool = pooling === 'first' ? firstTokens : meanTokens;
      return { hidden, pool: () => features(context, pool(context, hidden)) };
    },
  };
}

/** Adds the nodes that every layer needs. */
function encoderContext(
  builder: GraphBuilder,
  shape: EncoderShape,
  inputs: TextInputs,
  drop: Drop,
  use: GraphUse,
): EncoderContext {
  const extents = builder.op('Shape', [inputs.inputIds]);
  return {
    builder,
    shape,
    inputs,
    drop,
    use,
    batch: builder.op('Slice', [extents, builder.ints([0]), builder.ints([1])]),
    sequence: builder.op('Slice', [extents, builder.ints([1]), builder.ints([2])]),
    maskBias: maskBias(builder, inputs.attentionMask),
  };
}

function maskBias(builder: GraphBuilder, attentionMask: string): string {
  const mask = builder.op('Cast', [attentionMask], { to: int(1) });
  const one = builder.initializer('one', float32([], [1]));
  const lowest = builder.initializer('lowest', float32([], [LOWEST]));
  const bias = builder.op('Mul', [builder.op('Sub', [one, mask]), lowest]);
  return builder.op('Unsqueeze', [bias, builder.ints([1, 2])]);
}

/** The hidden states of every position, `[batch · sequence, hidden]`. */
function everyPosition({ embedded, layers, finish }: EncoderBody): string {
  const hidden = hiddenAfter(embedded, layers);
  return finish === undefined ? hidden : finish(hidden);
}

/** The hidden states of the first position, `[batch, hidden]`. */
function firstPosition(context: EncoderContext, { embedded, layers, finish }: EncoderBody): string {
  const keys = hiddenAfter(embedded, layers.slice(0, -1));
  const queries = firstTokens(context, keys);
  const first = layers.at(-1)?.({ queries, keys, positions: 1 }) ?? queries;
  return finish === undefined ? first : finish(first);
}

function hiddenAfter(embedded: string, layers: readonly Layer[]): string {
  return layers.reduce(
    (rows, layer) => layer({ queries: rows, keys: rows, positions: 'sequence' }),
    embedded,
  );
}

/** The rows of the first position: `[batch · sequence, hidden]` → `[batch, hidden]`. */
export function firstTokens({ builder, shape, batch, sequence }: EncoderContext, hidden: string): string {
  const size = builder.ints([shape.hiddenSize]);
  const byText = builder.op('Reshape', [
    hidden,
    builder.op('Concat', [batch, sequence, size], { axis: int(0) }),
  ]);
  const first = builder.op('Slice', [byText, builder.ints([0]), builder.ints([1]), builder.ints([1])]);
  return builder.op('Reshape', [first, builder.ints([-1, shape.hiddenSize])]);
}

/** The mean of each text's rows, padding left out: `[batch · sequence, hidden]` → `[batch, hidden]`. */
function meanTokens(context: EncoderContext, hidden: string): string {
  const { builder, shape, batch, sequence, inputs } = context;
  const real = builder.op('Mul', [hidden, rowMask(context)]);
  const target = builder.op('Concat', [batch, sequence, builder.ints([shape.hiddenSize])], { axis: int(0) });
  const byText = builder.op('Reshape', [real, target]);
  const sum = builder.op('ReduceSum', [byText, builder.ints([1])], { keepdims: int(0) });
  const mask = builder.op('Cast', [inputs.attentionMask], { to: int(1) });
  const count = builder.op('ReduceSum', [mask, builder.ints([1])], { keepdims: int(1) });
  return builder.op('Div', [sum, count]);
}

/** Dropout of hidden states `[batch · positions, hidden]`. */
export function dropHidden({ shape, drop }: EncoderContext, rows: string, positions: Positions): string {
  return drop(rows, shape.dropout.hidden, ['batch', positions, shape.hiddenSize]);
}

/** The attention mask as a factor of rows: float32 `[batch · sequence, 1]`, 0 for padding. */
export function rowMask({ builder, inputs }: EncoderContext): string {
  const mask = builder.op('Cast', [inputs.attentionMask], { to: int(1) });
  return builder.op('Reshape', [mask, builder.ints([-1, 1])]);
}
