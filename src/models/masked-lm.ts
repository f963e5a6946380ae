import { GraphBuilder } from '../graph/builder.ts';
import { type Graph, int } from '../graph/graph.ts';
import { meanCrossEntropy, weightedCrossEntropy } from './cross-entropy.ts';
import { type DropoutSite, dropByMasks, dropNothing } from './dropout.ts';
import { byPosition } from './heads.ts';
import { linearParameters, type Parameter } from './parameters.ts';
import { LOSS } from './sequence-classification.ts';
import { declareTextInputs, parametersWithoutPooler, type TextEncoder, textInputs } from './text-encoder.ts';

/** The graph inputs that say what is to be predicted; `masked` is their number in the whole batch. */
export const maskedInputs = {
  /** int64 `[masked]`: rows of the hidden states, text · sequence + position. */
  positions: 'masked_positions',
  /** int64 `[masked, 1]`: the tokens that were there. */
  tokens: 'masked_tokens',
  /** float32 `[masked, 1]`: their weights in the loss, 0 where there is nothing to predict. */
  weights: 'masked_weights',
} as const;

/** The graph input that says whether the second text follows the first: int64 `[batch, 1]`, 0 if so, else 1. */
export const PAIR_LABELS = 'pair_labels';

const PAIR_HEAD = 'cls.seq_relationship';

/** The parameters of an encoder with the head that predicts tokens; it has no pooler. */
export function maskedLmParameters(encoder: TextEncoder): Parameter[] {
  return [...parametersWithoutPooler(encoder), ...encoder.tokenHead.parameters];
}

/**
 * The forward graph of transformers' …ForMaskedLM.
 *
 * Parameters are graph inputs. The one output is `logits`, float32 `[batch, sequence, vocab]`: of every position.
 */
export function maskedLmLogitsGraph(encoder: TextEncoder): Graph {
  const builder = new GraphBuilder();
  declareInputs(builder, encoder, maskedLmParameters(encoder));
  const { hidden } = encoder.hidden(builder, textInputs);
  const rows = encoder.tokenHead.logits(builder, hidden, 'token_logits');
  byPosition(builder, rows, encoder.vocabSize, 'logits');
  return builder.build(`${encoder.modelType}-masked-lm`, [
    { name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', encoder.vocabSize] },
  ]);
}

/**
 * The same for chosen tokens alone: the graph input {@link maskedInputs.positions} says which, and `logits` is
 * `[masked, vocab]`.
 *
 * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
 */
export function maskedTokensGraph(encoder: TextEncoder, sites?: DropoutSite[]): Graph {
  return chosenTokensGraph(encoder, 'logits', sites);
}

function chosenTokensGraph(encoder: TextEncoder, output: string, sites?: DropoutSite[]): Graph {
  const builder = new GraphBuilder();
  const drop = sites === undefined ? dropNothing : dropByMasks(builder, sites);
  declareInputs(builder, encoder, maskedLmParameters(encoder));
  builder.input({ name: maskedInputs.positions, dtype: 'int64', shape: ['masked'] });
  const { hidden } = encoder.hidden(builder, textInputs, drop);
  tokenLogits(builder, encoder, hidden, output);
  return builder.build(`${encoder.modelType}-masked-tokens`, [
    { name: output, dtype: 'float32', shape: ['masked', encoder.vocabSize] },
  ]);
}

/**
 * Adds the weighted mean of the chosen tokens' cross-entropies to {@link maskedTokensGraph} as the output `loss`, a
 * scalar: with the weights 1 and 0, what transformers computes from labels of which the others are −100.
 */
export function withMaskedLoss(graph: Graph): Graph {
  const builder = new GraphBuilder(graph);
  builder.input({ name: maskedInputs.tokens, dtype: 'int64', shape: ['masked', 1] });
  builder.input({ name: maskedInputs.weights, dtype: 'float32', shape: ['masked', 1] });
  weightedCrossEntropy(builder, 'logits', maskedInputs.tokens, maskedInputs.weights, LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}

/**
 * How {@link maskedTokensGraph} fares, without its logits, which are as many as the vocabulary has tokens: the one
 * output `logits` is `[masked, 2]`, the log-probability of the token that was there and how many are more probable.
 */
export function maskedScoresGraph(encoder: TextEncoder): Graph {
  const builder = new GraphBuilder(chosenTokensGraph(encoder, 'token_logits'));
  const tokens = builder.input({ name: maskedInputs.tokens, dtype: 'int64', shape: ['masked', 1] });
  const logProbabilities = builder.op('LogSoftmax', ['token_logits'], { axis: int(-1) });
  const own = builder.op('GatherElements', [logProbabilities, tokens], { axis: int(1) });
  const isBetter = builder.op('Greater', [logProbabilities, own]);
  const better = builder.op('Cast', [isBetter], { to: int(1) });
  const count = builder.op('ReduceSum', [better, builder.ints([1])], { keepdims: int(1) });
  builder.op('Concat', [own, count], { axis: int(1) }, 'logits');
  return builder.build(`${encoder.modelType}-masked-scores`, [
    { name: 'logits', dtype: 'float32', shape: ['masked', 2] },
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
  builder.input({ name: maskedInputs.positions, dtype: 'int64', shape: ['masked'] });
  builder.input({ name: maskedInputs.tokens, dtype: 'int64', shape: ['masked', 1] });
  builder.input({ name: PAIR_LABELS, dtype: 'int64', shape: ['batch', 1] });
  const { hidden, pool } = encoder.hidden(builder, textInputs);
  const tokens = tokenLogits(builder, encoder, hidden, 'token_logits');
  const tokenLoss = meanCrossEntropy(builder, tokens, maskedInputs.tokens, 'token_loss');
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
  for (const { name, shape } of parameters) builder.input({ name, dtype: 'float32', shape });
}

/** The logits `[masked, vocab]` of the chosen tokens. */
function tokenLogits(builder: GraphBuilder, encoder: TextEncoder, hidden: string, output: string): string {
  const rows = builder.op('Gather', [hidden, maskedInputs.positions], { axis: int(0) });
  return encoder.tokenHead.logits(builder, rows, output);
}
