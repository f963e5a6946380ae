import { confusionMatrix } from '../metrics/classification.ts';
import { OUTSIDE } from '../metrics/entities.ts';
import { LABELS } from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import {
  LABEL_WEIGHTS,
  tokenClassifierGraph,
  tokenClassifierParameters,
  withTokenCrossEntropy,
} from '../models/token-classification.ts';
import type { TextTokenizer } from '../models/tokenizer.ts';
import type { ClassWeights } from '../options/options.ts';
import type { TokenClassificationTask } from '../tasks/token-classification.ts';
import { float32, int64, type Tensor } from '../tensor.ts';
import { classFactors } from './class-factors.ts';
import { crossEntropy, mean } from './losses.ts';
import { featuresOf, type Objective, totalOf } from './objective.ts';
import { IGNORED, type LabelledTokens, labelTokens, wordPredictions } from './word-labels.ts';

/**
 * One class for each word of a sentence, by transformers' …ForTokenClassification and the mean cross-entropy of the
 * words' first tokens.
 *
 * @param classWeights Factors for the losses of words, as torch.nn.CrossEntropyLoss has them.
 * @throws `usage/option` for as many factors as there are not classes.
 */
export function tokenClassificationObjective(
  task: TokenClassificationTask,
  encoder: TextEncoder,
  tokenizer: TextTokenizer,
  maxLength: number,
  classWeights: ClassWeights,
): Objective {
  const width = task.labels.length;
  const outside = Math.max(0, task.labels.indexOf(OUTSIDE));
  const tokensOf = (sentence: TokenClassificationTask['train'][number]): LabelledTokens =>
    labelTokens(sentence, tokenizer, maxLength);
  // A sentence of which the tokenizer leaves nothing has no loss.
  const train = task.train.map(tokensOf).filter(({ labels }) => labels.some(isLearnt));
  const evaluation = task.evaluation.map(tokensOf);
  const learnt = Int32Array.from(train.flatMap(({ labels }) => [...labels.filter(isLearnt)]));
  const factors = classFactors(classWeights, learnt, task.labels);
  const weightOf = (label: number): number => (isLearnt(label) ? (factors?.[label] ?? 1) : 0);
  const wanted = task.evaluation.map(({ labels }) => labels);
  const predicted = (logits: readonly Float32Array[]): readonly Int32Array[] =>
    wordPredictions(evaluation, logits, width, outside).labels;
  return {
    parameters: tokenClassifierParameters(encoder, width),
    zeroGradient: encoder.zeroGradient,
    forward: tokenClassifierGraph(encoder, width),
    layout: { of: 'token', width },
    withLoss: (sites) => withTokenCrossEntropy(tokenClassifierGraph(encoder, width, sites), width),
    train: featuresOf(
      train.map(({ input }) => input),
      encoder.padTokenId,
    ),
    evaluation: featuresOf(
      evaluation.map(({ input }) => input),
      encoder.padTokenId,
    ),
    targets: (rows, length) => {
      const labels = Array.from(rows).flatMap((row) => padded(train[row]?.labels ?? [], length));
      const shape = [rows.length, length];
      const classes = labels.map((label) => Math.max(0, label));
      return new Map<string, Tensor>()
        .set(LABELS, int64(shape, classes))
        .set(LABEL_WEIGHTS, float32(shape, labels.map(weightOf)));
    },
    lossWeight: (_, targets) => totalOf(targets.get(LABEL_WEIGHTS)),
    score: (logits) => ({
      ...task.evaluate(predicted(logits), task.evaluation),
      loss: mean(evaluation.flatMap((sentence, i) => lossesOf(sentence, logits[i] ?? noLogits, width))),
    }),
    confusion: (logits) => confusionMatrix(joined(predicted(logits)), joined(wanted), width),
  };
}

const noLogits = new Float32Array(0);

function isLearnt(label: number): boolean {
  return label !== IGNORED;
}

function padded(labels: ArrayLike<number>, length: number): number[] {
  return Array.from({ length }, (_, position) => labels[position] ?? IGNORED);
}

function joined(sentences: readonly Int32Array[]): Int32Array {
  return Int32Array.from(sentences.flatMap((classes) => [...classes]));
}

/** The cross-entropy of each labelled token of a sentence, from its logits `[tokens, width]`. */
function lossesOf({ labels }: LabelledTokens, logits: Float32Array, width: number): number[] {
  return Array.from(labels).flatMap((label, position) =>
    isLearnt(label) ? [crossEntropy(logits.subarray(position * width, (position + 1) * width), label)] : [],
  );
}
