import { GspfError } from '../errors.ts';
import type { PairFrame, SpanTokenizer, TokenSpans } from '../models/token-spans.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import type { QuestionExample } from '../tasks/question-answering.ts';

/** A question with a part of its context that the model can read at once. */
export interface QuestionWindow {
  /** Number of the example. */
  readonly example: number;
  /** Question, then context; `truncated` where the question was cut. */
  readonly input: EncodedText;
  /** Position of the first token of the context. */
  readonly contextStart: number;
  /** Where each token of the context that is in the window begins and ends in the example's context, in code units. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /**
   * Positions of the first and last token of the first right answer; both 0, the place of the first special token,
   * where the window does not hold all of it or there is none.
   */
  readonly startPosition: number;
  readonly endPosition: number;
}

/** How contexts are cut into windows. */
export interface WindowOptions {
  /** Longest window in tokens, special ones included; 384, or fewer if the model takes no more. */
  readonly maxLength: number;
  /** Tokens that two windows of a context have in common; 128. */
  readonly stride: number;
}

/**
 * The windows of some questions, in their order, as transformers' run_qa makes them.
 *
 * A question that would take more than half of a window is cut to that half, where run_qa fails.
 *
 * @throws `usage/option` for a stride that leaves no way forward, `input/tokenizer` as the tokenizer.
 */
export function questionWindows(
  examples: readonly QuestionExample[],
  tokenizer: SpanTokenizer,
  { maxLength, stride }: WindowOptions,
): QuestionWindow[] {
  const { pairFrame: frame } = tokenizer;
  const room = maxLength - frame.before.length - frame.between.length - frame.after.length;
  const longestQuestion = Math.floor(room / 2);
  const mostStride = room - longestQuestion - 1;
  if (!Number.isInteger(stride) || stride < 0 || stride > mostStride) {
    throw new GspfError('usage/option', {
      subject: 'stride',
      expected: `an integer from 0 to ${mostStride}, with windows of ${maxLength} tokens`,
      got: `${stride}`,
    });
  }
  let last: { readonly context: string; readonly spans: TokenSpans } | undefined;
  return examples.flatMap((example, index) => {
    const question = tokenizer.spans(example.question.trimStart()).ids;
    const asked = question.slice(0, longestQuestion);
    // Questions on one context follow one another.
    if (last?.context !== example.context) {
      last = { context: example.context, spans: tokenizer.spans(example.context) };
    }
    const { ids, starts, ends } = last.spans;
    const contextStart = frame.before.length + asked.length + frame.between.length;
    return contextRanges(ids.length, room - asked.length, stride).map(([from, to]): QuestionWindow => {
      const window = { contextStart, starts: starts.slice(from, to), ends: ends.slice(from, to) };
      return {
        example: index,
        input: {
          ...assemble(frame, asked, ids.slice(from, to)),
          truncated: asked.length < question.length,
        },
        ...window,
        ...answerPositions(window, example),
      };
    });
  });
}

/** The ranges of tokens of windows of so many, of which neighbours share `stride`; the last ends with the context. */
function contextRanges(tokens: number, length: number, stride: number): [number, number][] {
  const ranges: [number, number][] = [];
  for (let from = 0; ; from += length - stride) {
    const to = Math.min(from + length, tokens);
    ranges.push([from, to]);
    if (to === tokens) return ranges;
  }
}

function assemble(
  { before, firstTypeId, between, secondTypeId, after }: PairFrame,
  first: readonly number[],
  second: readonly number[],
): Pick<EncodedText, 'ids' | 'typeIds'> {
  const tokens = [
    ...before,
    ...first.map((id) => ({ id, typeId: firstTypeId })),
    ...between,
    ...second.map((id) => ({ id, typeId: secondTypeId })),
    ...after,
  ];
  return { ids: tokens.map(({ id }) => id), typeIds: tokens.map(({ typeId }) => typeId) };
}

/** The last token that begins no later than the answer, and the first that ends no earlier. Source: run_qa.py */
function answerPositions(
  { contextStart, starts, ends }: Pick<QuestionWindow, 'contextStart' | 'starts' | 'ends'>,
  { answers: [answer] }: QuestionExample,
): Pick<QuestionWindow, 'startPosition' | 'endPosition'> {
  const outside = { startPosition: 0, endPosition: 0 };
  if (answer === undefined) return outside;
  const answerEnd = answer.start + answer.text.length;
  const first = starts.findLastIndex((start) => start <= answer.start);
  const last = ends.findIndex((end) => end >= answerEnd);
  if (first === -1 || last === -1) return outside;
  return { startPosition: contextStart + first, endPosition: contextStart + last };
}
