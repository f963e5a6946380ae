import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { textTokenizer } from '../../src/models/tokenizer.ts';
import { IGNORED, labelTokens, wordPredictions } from '../../src/objectives/word-labels.ts';

const json = (path: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/${path}`, import.meta.url), 'utf8'));
const tokenizerOf = (model: string) => textTokenizer(json(`models/${model}/tokenizer.json`), {}, model);

const numbers = z.array(z.number());
const cases = z
  .array(
    z.object({
      model: z.string(),
      words: z.array(z.string()),
      labels: numbers,
      maxLength: z.number(),
      inputIds: numbers,
      tokenTypeIds: numbers,
      tokenLabels: numbers,
    }),
  )
  .parse(json('word-tokens/words.json'));

test.each(cases)('labels the tokens of $words as run_ner does: $model, $maxLength', (fixture) => {
  const { words, labels, maxLength } = fixture;
  const sentence = { tokens: words, labels: Int32Array.from(labels) };
  const found = labelTokens(sentence, tokenizerOf(fixture.model), maxLength);
  expect(found.input.ids).toEqual(fixture.inputIds);
  expect(found.input.typeIds).toEqual(fixture.tokenTypeIds);
  expect([...found.labels]).toEqual(fixture.tokenLabels);
  expect(found.input.truncated).toBe(maxLength !== 100 && fixture.inputIds.length === maxLength);
});

describe('wordPredictions', () => {
  const tokenizer = tokenizerOf('distilbert');
  const words = { tokens: ['tamoru', 'no', 'anbe'], labels: Int32Array.of(2, 1, 0) };

  it('gives back the labels that the logits of first tokens favour', () => {
    const sentence = labelTokens(words, tokenizer, 100);
    // Other tokens favour class 1.
    const logits = Float32Array.from(
      [...sentence.labels].flatMap((label) =>
        [0, 1, 2].map((c) => (c === (label === IGNORED ? 1 : label) ? 3 : -1)),
      ),
    );
    expect(wordPredictions([sentence], [logits], 3, 0)).toEqual({ labels: [words.labels], unread: 0 });
  });

  it('takes words that were cut off for outside, and counts them', () => {
    const whole = labelTokens(words, tokenizer, 100);
    const second = whole.firstTokens[1] ?? 0;
    const cut = labelTokens(words, tokenizer, second + 1);
    expect(cut.input).toMatchObject({ truncated: true });
    expect(cut.input.ids).toHaveLength(second + 1);
    expect(cut.firstTokens).toEqual(Int32Array.of(1, -1, -1));
    const logits = new Float32Array(3 * cut.input.ids.length).map((_, i) => (i % 3 === 2 ? 1 : 0));
    expect(wordPredictions([cut, whole], [logits, new Float32Array(3 * whole.labels.length)], 3, 1)).toEqual({
      labels: [Int32Array.of(2, 1, 1), Int32Array.of(0, 0, 0)],
      unread: 2,
    });
  });

  it('counts a word without tokens', () => {
    const sentence = labelTokens(
      { tokens: ['no', '\u0000', 'no'], labels: Int32Array.of(1, 1, 2) },
      tokenizer,
      100,
    );
    expect(sentence.firstTokens[1]).toBe(-1);
    expect([...sentence.labels].filter((label) => label !== IGNORED)).toEqual([1, 2]);
    expect(wordPredictions([sentence], [new Float32Array(3 * sentence.labels.length)], 3, 0).unread).toBe(1);
  });
});
