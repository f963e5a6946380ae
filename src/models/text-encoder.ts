import type { GraphBuilder } from '../graph/builder.ts';
import type { Drop } from './dropout.ts';
import { linearParameters, type Parameter, withDeviation } from './parameters.ts';

/** The graph inputs of a text model: int64 `[batch, sequence]` each. */
export interface TextInputs {
  readonly inputIds: string;
  readonly attentionMask: string;
  readonly tokenTypeIds: string;
}

/** The graph inputs that hold a batch of texts: int64 `[batch, sequence]`. */
export const textInputs: TextInputs = {
  inputIds: 'input_ids',
  attentionMask: 'attention_mask',
  tokenTypeIds: 'token_type_ids',
};

/** The hidden states of every position, and what can be made of them. */
export interface HiddenStates {
  /** The name of `[batch · sequence, hidden]`, one row a token. */
  readonly hidden: string;
  /** Adds what makes one row of each text; the name of its output, `[batch, hidden]`, as `pooled` has it. */
  readonly pool: () => string;
}

/**
 * What a graph is for: to be computed here, in the cheapest form, or to be written to a file that other tools read, where every
 * linear layer is a Gemm on its weight.
 */
export type GraphUse = 'compute' | 'export';

/** A text encoder with its hyperparameters filled in. */
export interface TextEncoder {
  readonly modelType: string;
  /** How transformers' classes of it begin: `Bert` of `BertForSequenceClassification`. */
  readonly className: string;
  /** The prefix of its parameters' names in task models. */
  readonly prefix: string;
  readonly hiddenSize: number;
  readonly maxPositions: number;
  /** Kinds of tokens that it tells apart; with fewer than two it does not read `token_type_ids`. */
  readonly typeVocabSize: number;
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly initializerRange: number;
  /** The dropout that transformers would apply in training. */
  readonly dropout: { readonly hidden: number; readonly attention: number; readonly classifier: number };
  readonly parameters: readonly Parameter[];
  /** Parameters whose gradient is zero by construction. */
  readonly zeroGradient: readonly string[];
  /**
   * Adds the encoder to a graph, and what its sequence classifier has before the last dropout and layer: one row of
   * each text, `[batch, hidden]`.
   */
  readonly pooled: (builder: GraphBuilder, inputs: TextInputs, drop?: Drop, use?: GraphUse) => string;
  /** Adds the encoder to a graph for every position. */
  readonly hidden: (builder: GraphBuilder, inputs: TextInputs, drop?: Drop) => HiddenStates;
  /** The head of sequence classification, on `pooled`. */
  readonly sequenceHead: Head;
  /** The heads that say something of every token, on `hidden`. */
  readonly tokenClassHead: Head;
  /** Undefined where transformers has none for this architecture. */
  readonly questionHead: Head | undefined;
  /** The head that predicts tokens, whose decoder is the word embeddings. */
  readonly tokenHead: TokenHead;
}

/** A head that ends in dropout and a linear layer. */
export interface Head {
  /** What it has before its last layer, beside the encoder's parameters. */
  readonly parameters: readonly Parameter[];
  /** The name of its last layer, a torch.nn.Linear. */
  readonly output: string;
  /** The deviation of that layer's new weights, where it is not the model's `initializer_range`. */
  readonly deviation?: number;
  /** The probability of the dropout before its last layer. */
  readonly dropout: number;
  /** For heads on `hidden`: adds what those parameters are for, `[rows, hidden]` → `[rows, hidden]`. */
  readonly features?: (builder: GraphBuilder, rows: string) => string;
}

/** The head of masked language modelling. */
export interface TokenHead {
  /** What it has beside the encoder's parameters. */
  readonly parameters: readonly Parameter[];
  /** Adds it to a graph: hidden states `[rows, hidden]` → logits `[rows, vocab]` under the name `output`. */
  readonly logits: (builder: GraphBuilder, rows: string, output: string) => string;
}

/** Declares the graph inputs that an encoder reads. */
export function declareTextInputs(builder: GraphBuilder, { typeVocabSize }: TextEncoder): void {
  const { inputIds, attentionMask, tokenTypeIds } = textInputs;
  const names = typeVocabSize > 1 ? [inputIds, attentionMask, tokenTypeIds] : [inputIds, attentionMask];
  for (const name of names) builder.input({ name, dtype: 'int64', shape: ['batch', 'sequence'] });
}

/** The encoder's parameters without its pooler: what the heads on every token stand on. */
export function parametersWithoutPooler({ parameters }: TextEncoder): readonly Parameter[] {
  return parameters.filter(({ name }) => !name.includes('.pooler.'));
}

/** The parameters that a head adds, its last layer for so many labels included. */
export function headParameters({ hiddenSize }: TextEncoder, head: Head, labels: number): Parameter[] {
  const output = linearParameters(head.output, hiddenSize, labels);
  return [...head.parameters, ...withDeviation(output, head.deviation)];
}
