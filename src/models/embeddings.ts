import { int } from '../graph/graph.ts';
import { int64 } from '../tensor.ts';
import type { EncoderContext } from './encoder-graph.ts';
import { layerNorm } from './layers.ts';
import { embeddingParameters, layerNormParameters, type Parameter } from './parameters.ts';

/** The embeddings that a text encoder adds up, and their names below a prefix. */
export interface Embeddings {
  /** `bert.embeddings` */
  readonly prefix: string;
  /** The extent of each. */
  readonly size: number;
  readonly vocabSize: number;
  /** Kinds of tokens; 0 for an architecture that has no embeddings of them. */
  readonly typeVocabSize: number;
  /** Rows of the position embeddings; 0 for none. */
  readonly positions: number;
  /**
   * How positions are numbered: from 0, or as RoBERTa does, tokens that are not padding from `padTokenId` + 1 and
   * padding as `padTokenId`.
   */
  readonly numbering: 'from-zero' | { readonly padTokenId: number };
}

/** The parameters of the embeddings and of the normalisation after them, `prefix.LayerNorm`. */
export function embeddingsParameters(embeddings: Embeddings): Parameter[] {
  return [
    ...embeddingTables(embeddings),
    ...layerNormParameters(`${embeddings.prefix}.LayerNorm`, embeddings.size),
  ];
}

/** The parameters of the embeddings alone. */
export function embeddingTables(embeddings: Embeddings): Parameter[] {
  const { prefix, size, vocabSize, typeVocabSize, positions } = embeddings;
  return [
    ...embeddingParameters(`${prefix}.word_embeddings`, vocabSize, size),
    ...(positions === 0 ? [] : embeddingParameters(`${prefix}.position_embeddings`, positions, size)),
    ...(typeVocabSize === 0
      ? []
      : embeddingParameters(`${prefix}.token_type_embeddings`, typeVocabSize, size)),
  ];
}

/** The normalised sum of a batch's embeddings, one row a token: `[batch · sequence, size]`. */
export function embedTokens(c: EncoderContext, embeddings: Embeddings): string {
  const rows = embeddingSum(c, embeddings);
  return layerNorm(c.builder, `${embeddings.prefix}.LayerNorm`, rows, c.shape.epsilon);
}

/** The sum of a batch's embeddings, one row a token: `[batch · sequence, size]`. */
export function embeddingSum(c: EncoderContext, embeddings: Embeddings): string {
  const { builder, inputs } = c;
  const { prefix, size, typeVocabSize } = embeddings;
  let sum = builder.op('Gather', [`${prefix}.word_embeddings.weight`, inputs.inputIds]);
  if (typeVocabSize > 0) {
    const table = `${prefix}.token_type_embeddings.weight`;
    // With one kind of token there is nothing to look up: its row is added to all.
    const types = typeVocabSize === 1 ? table : builder.op('Gather', [table, inputs.tokenTypeIds]);
    sum = builder.op('Add', [sum, types]);
  }
  if (embeddings.positions > 0) sum = builder.op('Add', [sum, positionRows(c, embeddings)]);
  return builder.op('Reshape', [sum, builder.ints([-1, size])]);
}

/** The position embeddings of a batch, `[sequence, size]` or `[batch, sequence, size]`. */
export function positionRows(c: EncoderContext, { prefix, numbering }: Embeddings): string {
  const { builder, sequence } = c;
  const table = `${prefix}.position_embeddings.weight`;
  if (numbering === 'from-zero') {
    return builder.op('Slice', [table, builder.ints([0]), sequence, builder.ints([0])]);
  }
  return builder.op('Gather', [table, positionsAfterPadding(c, numbering.padTokenId)]);
}

/**
 * transformers' create_position_ids_from_input_ids, `[batch, sequence]`: how many tokens up to this one are no
 * padding, plus `padTokenId`; `padTokenId` itself for padding.
 */
function positionsAfterPadding(c: EncoderContext, padTokenId: number): string {
  const { builder, inputs, sequence } = c;
  const pad = builder.initializer('pad_token_id', int64([], [padTokenId]));
  const isPad = builder.op('Equal', [inputs.inputIds, pad]);
  const isToken = builder.op('Cast', [builder.op('Not', [isPad])], { to: int(1) });
  // The running sum as a product with the matrix that has ones where row ≤ column: exact, these are small integers.
  const position = positionNumbers(c, sequence);
  const row = builder.op('Unsqueeze', [position, builder.ints([1])]);
  const upper = builder.op('Cast', [builder.op('LessOrEqual', [row, position])], { to: int(1) });
  const counts = builder.op('Mul', [builder.op('MatMul', [isToken, upper]), isToken]);
  return builder.op('Add', [builder.op('Cast', [counts], { to: int(7) }), pad]);
}

/** 0, 1, … up to `count`, an int64 [1]: int64 `[count]`. */
export function positionNumbers({ builder }: Pick<EncoderContext, 'builder'>, count: string): string {
  const zero = builder.initializer('zero', int64([], [0]));
  const one = builder.initializer('one_step', int64([], [1]));
  return builder.op('Range', [zero, builder.op('Squeeze', [count, builder.ints([0])]), one]);
}
