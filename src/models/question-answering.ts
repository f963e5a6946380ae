import { GspfError } from '../errors.ts';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { float32 } from '../tensor.ts';
import { meanCrossEntropy } from './cross-entropy.ts';
import { type DropoutSite, dropByMasks, dropNothing } from './dropout.ts';
import { tokenLogits } from './heads.ts';
import type { Parameter } from './parameters.ts';
import { LOSS } from './sequence-classification.ts';
import {
  declareTextInputs,
  type Head,
  headParameters,
  parametersWithoutPooler,
  type TextEncoder,
} from './text-encoder.ts';

/** The graph inputs that hold the right answer's first and last token: int64 `[batch, 1]`. */
export const answerInputs = { start: 'start_positions', end: 'end_positions' } as const;

/** A logit for the start and one for the end of an answer. */
const ENDS = 2;

/**
 * The parameters of an encoder with the head that finds answers; it has no pooler.
 *
 * @throws `input/model` for an architecture for which transformers has no such head.
 */
export function questionAnsweringParameters(encoder: TextEncoder): Parameter[] {
  return [...parametersWithoutPooler(encoder), ...headParameters(encoder, questionHead(encoder), ENDS)];
}

/**
 * Parameters whose gradient is zero by construction: the head's bias adds one number to the scores of all positions,
 * which softmax ignores.
 */
export function questionZeroGradient(encoder: TextEncoder): readonly string[] {
  return [...encoder.zeroGradient, `${questionHead(encoder).output}.bias`];
}

/**
 * The forward graph of transformers' …ForQuestionAnswering.
 *
 * Parameters are graph inputs. The outputs are `start_logits` and `end_logits`, float32 `[batch, sequence]`: of every
 * position, padding too.
 *
 * @param sites For training with dropout: gets the graph inputs that take its masks. Without it there is none.
 * @throws `input/model` for an architecture for which transformers has no such head.
 */
export function questionAnsweringGraph(encoder: TextEncoder, sites?: DropoutSite[]): Graph {
  const builder = new GraphBuilder();
  const drop = sites === undefined ? dropNothing : dropByMasks(builder, sites);
  declareTextInputs(builder, encoder);
  for (const { name, shape } of questionAnsweringParameters(encoder)) {
    builder.input({ name, dtype: 'float32', shape });
  }
  const head = questionHead(encoder);
  const logits = tokenLogits(builder, encoder, head, { labels: ENDS, drop, output: 'logits' });
  for (const [index, name] of ['start_logits', 'end_logits'].entries()) {
    const place = [builder.ints([index]), builder.ints([index + 1]), builder.ints([2])];
    builder.op('Squeeze', [builder.op('Slice', [logits, ...place]), builder.ints([2])], {}, name);
  }
  return builder.build(`${encoder.modelType}-question-answering`, [
    { name: 'start_logits', dtype: 'float32', shape: ['batch', 'sequence'] },
    { name: 'end_logits', dtype: 'float32', shape: ['batch', 'sequence'] },
  ]);
}

/**
 * Adds the mean of the cross-entropies of {@link answerInputs} as the output `loss`, a scalar, as transformers does.
 * Positions must lie in the sequence: for a window without answer, transformers' examples give both as 0.
 */
export function withAnswerLoss(graph: Graph): Graph {
  const builder = new GraphBuilder(graph);
  for (const name of Object.values(answerInputs)) {
    builder.input({ name, dtype: 'int64', shape: ['batch', 1] });
  }
  const start = meanCrossEntropy(builder, 'start_logits', answerInputs.start, 'start_loss');
  const end = meanCrossEntropy(builder, 'end_logits', answerInputs.end, 'end_loss');
  const half = builder.initializer('half', float32([], [0.5]));
  builder.op('Mul', [builder.op('Add', [start, end], {}, 'both_losses'), half], {}, LOSS);
  return builder.build(graph.name, [...graph.outputs, { name: LOSS, dtype: 'float32', shape: [] }]);
}

function questionHead({ questionHead, className }: TextEncoder): Head {
  if (questionHead !== undefined) return questionHead;
  throw new GspfError('input/model', {
    subject: `${className}ForQuestionAnswering`,
    expected: 'an architecture for which transformers has a question-answering head',
    got: className,
  });
}
