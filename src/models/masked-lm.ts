import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int } from '../graph/graph.ts';
import { meanCrossEntropy } from './cross-entropy.ts';
import { byPosition } from './heads.ts';
import { linearParameters, type Parameter } from './parameters.ts';
import { LOSS } from './sequence-classification.ts';
import { declareTextInputs, parametersWithoutPooler, type TextEncoder, textInputs } from './text-encoder.ts';

/** The graph inputs that say what is to be predicted, int64; `masked` is their number in the whole batch. */
export const maskedInputs = {
  /** `[masked]`: rows of the hidden states, text · sequence + position. */
  positions: 'masked_positions',
  /** `[masked, 1]`: the tokens that were there. */
  tokens: 'masked_tokens',
} as const;

/** The graph input that says whether the second text follows the first: int64 `[batch, 1]`, 0 if so, else 1. */
export const PAIR_LABELS = 'pair_labels';

const PAIR_HEAD = 'cls.seq_relationship';

/** The parameters of an encoder with the head that predicts tokens; it has no pooler. */
export function maskedLmParameters(encoder: TextEncoder): Parameter[] {
  return [...parametersWithoutPooler(encoder), ...encoder.tokenHead.parameters];
}

/**
 * The training graph of transformers' …ForMaskedLM: the mean cross-entropy of the masked tokens.
 *
 * Parameters are graph inputs. Only the masked positions are predicted: the outputs are `token_logits`, float32
 * `[masked, vocab]`, and the scalar `loss`.
 */
export function maskedLmGraph(encoder: TextEncoder): Graph {
  const builder = new GraphBuilder();
  declareInputs(builder, encoder, maskedLmParameters(encoder));
  const { hidden } = encoder.hidden(builder, textInputs);
  predictTokens(builder, encoder, hidden, LOSS);
  return builder.build(`${encoder.modelType}-masked-lm`, [
    { name: 'token_logits', dtype: 'float32', shape: ['masked', encoder.vocabSize] },
    { name: LOSS, dtype: 'float32', shape: [] },
  ]);
}

/**
 * The forward graph of transformers' …ForMaskedLM.
 *
 * Parameters are graph inputs. The one output is `logits`, float32 `[batch, sequence, vocab]`: of every position.
 */
export function maskedLmLogitsGraph(encoder: TextEncoder): Graph {
  const builder = new GraphBuilder();
  declareTextInputs(builder, encoder);
  for (const { name, shape } of maskedLmParameters(encoder)) {
    builder.input({ name, dtype: 'float32', shape });
  }
  const { hidden } = encoder.hidden(builder, textInputs);
  const rows = encoder.tokenHead.logits(builder, hidden, 'token_logits');
  byPosition(builder, rows, encoder.vocabSize, 'logits');
  return builder.build(`${encoder.modelType}-masked-lm`, [
    { name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', encoder.vocabSize] },
  ]);
}

/** The parameters of BERT's pretraining: an encoder with its pooler and both heads. */
export function pretrainingParameters(encoder: TextEncoder): Parameter[] {
  const pairHead = linearParameters(PAIR_HEAD, encoder.hiddenSize, 2);
  return [...encoder.parameters, ...encoder.tokenHead.parameters, ...pairHead];
}

/**
 * The training graph of BERT's pretraining (Devlin et al. 2019, section 3.1), transformers' BertForPreTraining:
 * masked tokens, and from the pooled output whether the second text follows the first.
 *
 * Parameters are graph inputs. Outputs are `token_logits`, float32 `[masked, vocab]`, `pair_logits`, float32
 * `[batch, 2]`, and the scalars `token_loss` and `loss`, the sum of both cross-entropies.
 */
export function pretrainingGraph(encoder: TextEncoder): Graph {
  const builder = new GraphBuilder();
  declareInputs(builder, encoder, pretrainingParameters(encoder));
  builder.input({ name: PAIR_LABELS, dtype: 'int64', shape: ['batch', 1] });
  const { hidden, pool } = encoder.hidden(builder, textInputs);
  const tokenLoss = predictTokens(builder, encoder, hidden, 'token_loss');
  const pairHead = [pool(), `${PAIR_HEAD}.weight`, `${PAIR_HEAD}.bias`];
  const pairLogits = builder.op('Gemm', pairHead, { transB: int(1) }, 'pair_logits');
  const pairLoss = meanCrossEntropy(builder, pairLogits, PAIR_LABELS, 'pair_loss');
  builder.op('Add', [tokenLoss, pairLoss], {}, LOSS);
  return builder.build(`${encoder.modelType}-pretraining`, [
    { name: 'token_logits', dtype: 'float32', shape: ['masked', encoder.vocabSize] },
    { name: 'pair_logits', dtype: 'float32', shape: ['batch', 2] },
    { name: 'token_loss', dtype: 'float32', shape: [] },
    { name: LOSS, dtype: 'float32', shape: [] },
  ]);
}

function declareInputs(builder: GraphBuilder, encoder: TextEncoder, parameters: readonly Parameter[]): void {
  declareTextInputs(builder, encoder);
  builder.input({ name: maskedInputs.positions, dtype: 'int64', shape: ['masked'] });
  builder.input({ name: maskedInputs.tokens, dtype: 'int64', shape: ['masked', 1] });
  for (const { name, shape } of parameters) builder.input({ name, dtype: 'float32', shape });
}

/** The logits of the masked tokens, as `token_logits`, and their loss. */
function predictTokens(builder: GraphBuilder, encoder: TextEncoder, hidden: string, loss: string): string {
  const rows = builder.op('Gather', [hidden, maskedInputs.positions], { axis: int(0) });
  const logits = encoder.tokenHead.logits(builder, rows, 'token_logits');
  return meanCrossEntropy(builder, logits, maskedInputs.tokens, loss);
}
