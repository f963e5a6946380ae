import type { Graph } from '../graph/graph.ts';
import {
  answerInputs,
  questionAnsweringGraph,
  questionAnsweringParameters,
  questionZeroGradient,
  withAnswerLoss,
} from '../models/question-answering.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { SpanTokenizer } from '../models/token-spans.ts';
import type { QuestionAnsweringTask, QuestionExample } from '../tasks/question-answering.ts';
import { int64 } from '../tensor.ts';
import { bestSpans, type QuestionAnswer, type SpanOptions } from './best-spans.ts';
import { crossEntropy, mean } from './losses.ts';
import { featuresOf, type LogitsLayout, type Objective } from './objective.ts';
import { type QuestionWindow, questionWindows } from './question-windows.ts';

/** Tokens that neighbouring windows have in common, in windows that are long enough (transformers' run_qa). */
const STRIDE = 128;

/** A logit for the start and one for the end of an answer, at every token. */
export const spanLayout: LogitsLayout = { of: 'token', width: 2 };

/** The forward graph whose one output is `logits`, `[batch, sequence, 2]`. */
export function spanGraph(encoder: TextEncoder): Graph {
  const outputs = [{ name: 'logits', dtype: 'float32', shape: ['batch', 'sequence', 2] }] as const;
  return { ...questionAnsweringGraph(encoder), outputs };
}

/** The windows of questions, as many as a context of that length needs. */
export function windowsOf(
  examples: readonly QuestionExample[],
  tokenizer: SpanTokenizer,
  maxLength: number,
): QuestionWindow[] {
  return questionWindows(examples, tokenizer, {
    maxLength,
    stride: Math.min(STRIDE, Math.floor(maxLength / 3)),
  });
}

/** The answer to each question, from the logits `[tokens, 2]` of its windows. */
export function answersOf(
  examples: readonly QuestionExample[],
  windows: readonly QuestionWindow[],
  logits: readonly Float32Array[],
  options: SpanOptions,
): QuestionAnswer[] {
  const byExample = examples.map((): [QuestionWindow, { start: Float32Array; end: Float32Array }][] => []);
  for (const [i, window] of windows.entries()) {
    const values = logits[i] ?? new Float32Array(0);
    byExample[window.example]?.push([window, { start: column(values, 0), end: column(values, 1) }]);
  }
  return examples.map((example, i) => bestSpans(example, byExample[i] ?? [], options));
}

/**
 * The part of a text that answers a question, by transformers' …ForQuestionAnswering: the mean cross-entropy of where it
 * begins and where it ends. A long context is read in windows.
 */
export function questionAnsweringObjective(
  task: QuestionAnsweringTask,
  encoder: TextEncoder,
  tokenizer: SpanTokenizer,
  maxLength: number,
): Objective {
  const train = windowsOf(task.train, tokenizer, maxLength);
  const evaluation = windowsOf(task.evaluation, tokenizer, maxLength);
  return {
    parameters: questionAnsweringParameters(encoder),
    zeroGradient: questionZeroGradient(encoder),
    forward: spanGraph(encoder),
    layout: spanLayout,
    withLoss: (sites) => withAnswerLoss(questionAnsweringGraph(encoder, sites)),
    train: {
      ...featuresOf(
        train.map(({ input }) => input),
        encoder.padTokenId,
      ),
      // The loss's softmax takes in the padded positions, as transformers' does, and those are not kept of a text.
      texts: undefined,
    },
    evaluation: featuresOf(
      evaluation.map(({ input }) => input),
      encoder.padTokenId,
    ),
    targets: (rows) => {
      const positions = (of: (window: QuestionWindow) => number) =>
        int64(
          [rows.length, 1],
          Array.from(rows, (row) => (train[row] === undefined ? 0 : of(train[row]))),
        );
      return new Map([
        [answerInputs.start, positions(({ startPosition }) => startPosition)],
        [answerInputs.end, positions(({ endPosition }) => endPosition)],
      ]);
    },
    score: (logits) => {
      const options = task.unanswerable ? { nullThreshold: 0 } : {};
      const answers = answersOf(task.evaluation, evaluation, logits, options);
      const losses = evaluation.map(({ startPosition, endPosition }, i) => {
        const values = logits[i] ?? new Float32Array(0);
        return (
          (crossEntropy(column(values, 0), startPosition) + crossEntropy(column(values, 1), endPosition)) / 2
        );
      });
      return {
        ...task.evaluate(
          answers.map(({ text }) => text),
          task.evaluation,
        ),
        loss: mean(losses),
      };
    },
  };
}

/** Every second value, from the first or the second on. */
function column(values: Float32Array, at: 0 | 1): Float32Array {
  return Float32Array.from({ length: values.length / 2 }, (_, token) => values[2 * token + at] ?? 0);
}
