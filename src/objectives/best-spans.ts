import type { QuestionExample } from '../tasks/question-answering.ts';
import type { QuestionWindow } from './question-windows.ts';

/** What a model says of a window: of each position, how likely an answer begins or ends there; padding is not read. */
export interface WindowLogits {
  readonly start: ArrayLike<number>;
  readonly end: ArrayLike<number>;
}

/** A part of a context that may be the answer. */
export interface AnswerSpan {
  readonly text: string;
  /** Where it is in the context, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** Sum of the logits of its ends. */
  readonly score: number;
  /** Share of its score among those that are kept, by softmax, 0 … 1. */
  readonly probability: number;
}

/** What a model answers to a question. */
export interface QuestionAnswer {
  /** The empty text where it says that there is no answer. */
  readonly text: string;
  /** The best spans, best first. */
  readonly spans: readonly AnswerSpan[];
  /** The lowest score over the windows of there being no answer: that of the first special token. */
  readonly nullScore: number;
}

/** How spans are chosen. */
export interface SpanOptions {
  /** Starts, ends and spans to look at; 20. */
  readonly nBest?: number | undefined;
  /** Longest answer in tokens; 30. */
  readonly maxAnswerLength?: number | undefined;
  /**
   * Where there may be no answer: the answer is empty when `nullScore` exceeds the best span's score by more than
   * this. Left out, there is always an answer, as in SQuAD 1.1.
   */
  readonly nullThreshold?: number | undefined;
}

/**
 * The answer to a question, of the logits of all its windows.
 *
 * Source: `postprocess_qa_predictions` of transformers' utils_qa.py. Of equal logits the first position comes first.
 *
 * @param windows All windows of one example, each with its logits.
 */
export function bestSpans(
  { context }: Pick<QuestionExample, 'context'>,
  windows: readonly (readonly [QuestionWindow, WindowLogits])[],
  { nBest = 20, maxAnswerLength = 30, nullThreshold }: SpanOptions = {},
): QuestionAnswer {
  const found = windows.flatMap(([window, logits]) => spansOf(window, logits, nBest, maxAnswerLength));
  const kept = found.sort((a, b) => b.score - a.score).slice(0, nBest);
  const nullScores = windows.map(([, { start, end }]) => (start[0] ?? 0) + (end[0] ?? 0));
  const nullScore = Math.min(...nullScores);
  const allScores = [...kept.map(({ score }) => score), ...(nullThreshold === undefined ? [] : [nullScore])];
  const highest = Math.max(...allScores);
  const total = allScores.reduce((sum, score) => sum + Math.exp(score - highest), 0);
  const spans = kept.map(({ start, end, score }): AnswerSpan => {
    return {
      text: context.slice(start, end),
      start,
      end,
      score,
      probability: Math.exp(score - highest) / total,
    };
  });
  const [best] = spans;
  const isNull =
    best === undefined || (nullThreshold !== undefined && nullScore - best.score > nullThreshold);
  return { text: isNull ? '' : best.text, spans, nullScore };
}

type Candidate = Pick<AnswerSpan, 'start' | 'end' | 'score'>;

function spansOf(
  { contextStart, starts, ends, input }: QuestionWindow,
  logits: WindowLogits,
  nBest: number,
  maxAnswerLength: number,
): Candidate[] {
  const length = input.ids.length;
  const candidates: Candidate[] = [];
  const lastPositions = highest(logits.end, length, nBest);
  for (const first of highest(logits.start, length, nBest)) {
    const start = starts[first - contextStart];
    if (start === undefined) continue;
    for (const last of lastPositions) {
      const end = ends[last - contextStart];
      if (end === undefined || last < first || last - first + 1 > maxAnswerLength) continue;
      candidates.push({ start, end, score: (logits.start[first] ?? 0) + (logits.end[last] ?? 0) });
    }
  }
  return candidates;
}

/** The positions of the highest values among the first `length`, highest first. */
function highest(values: ArrayLike<number>, length: number, count: number): number[] {
  const positions = Array.from({ length }, (_, position) => position);
  const at = (position: number): number => values[position] ?? Number.NEGATIVE_INFINITY;
  return positions.sort((a, b) => at(b) - at(a) || a - b).slice(0, count);
}
