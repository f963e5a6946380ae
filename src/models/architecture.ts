import { z } from 'zod';
import { GspfError, suggest } from '../errors.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { bertConfigSchema } from './bert/config.ts';
import { bertHidden, bertPooled, bertTokenLogits, type HiddenStates, type TextInputs } from './bert/graph.ts';
import { bertParameters, bertTokenHeadParameters } from './bert/parameters.ts';
import { type Drop, dropNothing } from './dropout.ts';
import type { Parameter } from './parameters.ts';

/** A text encoder with its hyperparameters filled in. */
export interface TextEncoder {
  readonly modelType: string;
  /** The prefix of its parameters' names in task models. */
  readonly prefix: string;
  readonly hiddenSize: number;
  readonly maxPositions: number;
  readonly typeVocabSize: number;
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly initializerRange: number;
  /** The dropout that transformers would apply in training. */
  readonly dropout: { readonly hidden: number; readonly attention: number; readonly classifier: number };
  readonly parameters: readonly Parameter[];
  /** Parameters whose gradient is zero by construction. */
  readonly zeroGradient: readonly string[];
  /** Adds the encoder to a graph; the pooled output, `[batch, hidden]`. */
  readonly pooled: (builder: GraphBuilder, inputs: TextInputs, drop?: Drop) => string;
  /** Adds the encoder to a graph for every position. */
  readonly hidden: (builder: GraphBuilder, inputs: TextInputs, drop?: Drop) => HiddenStates;
  /** The head that predicts tokens, whose decoder is the word embeddings. */
  readonly tokenHead: TokenHead;
}

/** The head of masked language modelling. */
export interface TokenHead {
  /** What it has beside the encoder's parameters. */
  readonly parameters: readonly Parameter[];
  /** Adds it to a graph: hidden states `[rows, hidden]` → logits `[rows, vocab]` under the name `output`. */
  readonly logits: (builder: GraphBuilder, rows: string, output: string) => string;
}

/** The encoders that gspf builds, by `model_type`. */
const architectures: Readonly<Record<string, (config: unknown, source: string) => TextEncoder>> = {
  bert: (json, source) => {
    const config = parseConfig(bertConfigSchema, json, source);
    const parameters = bertParameters(config);
    return {
      modelType: 'bert',
      prefix: 'bert.',
      hiddenSize: config.hidden_size,
      maxPositions: config.max_position_embeddings,
      typeVocabSize: config.type_vocab_size,
      vocabSize: config.vocab_size,
      padTokenId: config.pad_token_id,
      initializerRange: config.initializer_range,
      dropout: {
        hidden: config.hidden_dropout_prob,
        attention: config.attention_probs_dropout_prob,
        classifier: config.classifier_dropout ?? config.hidden_dropout_prob,
      },
      parameters,
      // softmax(Q·(K + 1·bᵀ)ᵀ): a key bias adds one number to a whole row of scores, which softmax ignores.
      zeroGradient: parameters.map(({ name }) => name).filter((name) => name.endsWith('.self.key.bias')),
      pooled: (builder, inputs, drop = dropNothing) => bertPooled({ builder, config, inputs, drop }),
      hidden: (builder, inputs, drop = dropNothing) => bertHidden({ builder, config, inputs, drop }),
      tokenHead: {
        parameters: bertTokenHeadParameters(config),
        logits: (builder, rows, output) => bertTokenLogits(builder, config, rows, output),
      },
    };
  },
};

/**
 * The encoder that a `config.json` describes.
 *
 * @throws `input/model` for a model type that gspf does not build, or a config that lacks a key.
 */
export function textEncoder(config: unknown, source: string): TextEncoder {
  const { model_type: modelType } = parseConfig(z.looseObject({ model_type: z.string() }), config, source);
  const build = Object.hasOwn(architectures, modelType) ? architectures[modelType] : undefined;
  if (build !== undefined) return build(config, source);
  throw new GspfError('input/model', {
    subject: source,
    expected: `a model_type among ${Object.keys(architectures).join(', ')}`,
    got: `"${modelType}"`,
    hint: suggest(modelType, Object.keys(architectures)),
  });
}

function parseConfig<S extends z.ZodType>(schema: S, config: unknown, source: string): z.infer<S> {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new GspfError('input/model', {
    subject: `${source}${issue === undefined || issue.path.length === 0 ? '' : `, "${issue.path.join('.')}"`}`,
    expected: 'a config.json of a model that gspf builds',
    got: issue?.message ?? 'something else',
    cause: result.error,
  });
}
