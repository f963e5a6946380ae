import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { meanAnswerScores } from '../../src/metrics/squad.ts';
import { spanTokenizer } from '../../src/models/token-spans.ts';
import { bestSpans, type WindowLogits } from '../../src/objectives/best-spans.ts';
import { type QuestionWindow, questionWindows } from '../../src/objectives/question-windows.ts';
import { readQuestions } from '../../src/tasks/squad.ts';
import { failure } from '../data/failure.ts';
import { sharedText } from '../data/shared-files.ts';

const numbers = z.array(z.number());
const fixture = z
  .object({
    tokenizer: z.looseObject({}),
    windows: z.object({
      question: z.string(),
      context: z.string(),
      answers: z.array(z.object({ text: z.string(), start: z.number() })),
      maxLength: z.number(),
      stride: z.number(),
      windows: z.array(z.object({ ids: numbers, contextStart: z.number(), labels: z.array(numbers) })),
    }),
  })
  .parse(
    JSON.parse(
      readFileSync(new URL('../fixtures/token-offsets/byte-level-bpe.json', import.meta.url), 'utf8'),
    ),
  );
const { question, context, answers, windows: expected, ...options } = fixture.windows;
const tokenizer = spanTokenizer(fixture.tokenizer, {}, 'fixture');
const example = { id: '1', question, context, answers: [], title: 't' };

/** Logits that are 0 but where they are given. */
function logitsOf(
  window: QuestionWindow,
  start: Readonly<Record<number, number>>,
  end: Readonly<Record<number, number>>,
): WindowLogits {
  const row = (given: Readonly<Record<number, number>>): number[] =>
    window.input.ids.map((_, position) => given[position] ?? 0);
  return { start: row(start), end: row(end) };
}

describe('windows', () => {
  it('are those of run_qa.py, with its labels', () => {
    const examples = answers.map((answer) => ({ ...example, answers: [answer] }));
    const windows = questionWindows(examples, tokenizer, options);
    expect(windows).toHaveLength(examples.length * expected.length);
    for (const [index, window] of windows.entries()) {
      const { ids, contextStart, labels } = expected[index % expected.length]!;
      expect(window.input).toEqual({ ids, typeIds: ids.map(() => 0), truncated: false });
      expect(window).toMatchObject({ example: Math.floor(index / expected.length), contextStart });
      expect([window.startPosition, window.endPosition]).toEqual(labels[window.example]);
    }
  });

  it('label questions without answer with the first token', () => {
    for (const window of questionWindows([example], tokenizer, options)) {
      expect(window).toMatchObject({ startPosition: 0, endPosition: 0 });
    }
  });

  it('keep half for the context when the question is long, and share as many tokens as asked for', () => {
    const long = { ...example, question: `  ${question.repeat(9)}` };
    const windows = questionWindows([long], tokenizer, options);
    expect(windows.every(({ input }) => input.truncated && input.ids.length <= options.maxLength)).toBe(true);
    expect(windows[0]!.contextStart).toBe(1 + 28 + 2);
    for (const [index, { starts }] of windows.entries()) {
      const next = windows[index + 1];
      if (next !== undefined)
        expect(starts.slice(-options.stride)).toEqual(next.starts.slice(0, options.stride));
    }
    expect(windows.at(-1)!.ends.at(-1)).toBe(context.length);
  });

  it('need a stride that goes on', () => {
    expect(failure(() => questionWindows([example], tokenizer, { maxLength: 60, stride: 28 }))).toBe(
      'usage/option: stride: expected an integer from 0 to 27, with windows of 60 tokens, got 28',
    );
  });
});

describe('best spans', () => {
  const windows = questionWindows([example], tokenizer, options);
  const [first, second] = [windows[0]!, windows[1]!];
  const textOf = ({ contextStart, starts, ends }: QuestionWindow, from: number, to: number): string =>
    context.slice(starts[from - contextStart], ends[to - contextStart]);

  it('takes the ends with the highest sum over all windows', () => {
    const answer = bestSpans(example, [
      [first, logitsOf(first, { 30: 3 }, { 32: 2 })],
      [second, logitsOf(second, { 40: 4 }, { 41: 2, 39: 9 })],
    ]);
    // An end before its start makes no span, however likely.
    expect(answer.text).toBe(textOf(second, 40, 41));
    expect(answer.spans.map(({ score, text }) => [score, text])).toEqual([
      [6, textOf(second, 40, 41)],
      [5, textOf(first, 30, 32)],
    ]);
    expect(answer.spans.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 12);
  });

  it('leaves out spans that are too long, or not in the context', () => {
    const logits = logitsOf(first, { 26: 5, 3: 50 }, { 35: 5, 27: 4, 5: 50 });
    const best = (maxAnswerLength: number): string =>
      bestSpans(example, [[first, logits]], { maxAnswerLength }).text;
    expect(best(10)).toBe(textOf(first, 26, 35));
    expect(best(9)).toBe(textOf(first, 26, 27));
    expect(bestSpans(example, [[first, logits]], { nBest: 1 })).toMatchObject({ text: '', spans: [] });
  });

  it('weighs the lowest score of no answer where there may be none', () => {
    const logits = (nothing: number) => (window: QuestionWindow) =>
      [window, logitsOf(window, { 0: nothing, 30: 1 }, { 0: nothing, 31: 1 })] as const;
    const asked = [logits(3)(first), logits(2)(second)];
    expect(bestSpans(example, asked).nullScore).toBe(4);
    expect(bestSpans(example, asked).text).not.toBe('');
    expect(bestSpans(example, asked, { nullThreshold: 0 }).text).toBe('');
    expect(bestSpans(example, asked, { nullThreshold: 2 }).text).not.toBe('');
    const { spans } = bestSpans(example, asked, { nullThreshold: 0 });
    // Beside no answer, e⁴: two spans of e², eight of e¹ … as far as they are kept.
    const weights = spans.reduce((sum, { score }) => sum + Math.exp(score), Math.exp(4));
    expect(spans[0]!.probability).toBeCloseTo(Math.exp(2) / weights, 12);
  });
});

describe('there and back', () => {
  const dev = sharedText('data/squad/dev-1.1.reconstructed.json');
  const bert = sharedText('models/tokenizer-bert-base-uncased/tokenizer.json');
  it.skipIf(dev === undefined || bert === undefined)(
    'the labels of real questions give their answers',
    () => {
      const spans = spanTokenizer(z.looseObject({}).parse(JSON.parse(bert!)), {}, 'bert');
      const questions = readQuestions(dev!, 'dev.json').filter((_, index) => index % 20 === 0);
      const windows = questionWindows(questions, spans, { maxLength: 384, stride: 128 });
      expect(windows.length).toBeGreaterThan(questions.length);
      const predictions = questions.map((asked, index) => {
        const own = windows.filter((window) => window.example === index);
        const logits = own.map((window) => {
          const { startPosition, endPosition } = window;
          // Where a window holds no answer nothing is likely.
          const peak =
            startPosition === 0 ? {} : { start: { [startPosition]: 9 }, end: { [endPosition]: 9 } };
          return [window, logitsOf(window, peak.start ?? {}, peak.end ?? {})] as const;
        });
        return bestSpans(asked, logits, { maxAnswerLength: 100 }).text;
      });
      const golds = questions.map(({ answers: [gold] }) => gold!);
      const texts = golds.map(({ text }) => [text]);
      expect(meanAnswerScores(predictions, texts, { unanswerable: false }).f1).toBeGreaterThan(0.999);
      for (const [index, { text, start }] of golds.entries()) {
        if (predictions[index] === text) continue;
        // Two of these 529 begin within a word, by a slip of the annotator; tokens give the word.
        const { context } = questions[index]!;
        expect(predictions[index]).toContain(text);
        expect(context.slice(start - 1, start + 1)).toMatch(/^\w\w$/);
      }
    },
  );
});
