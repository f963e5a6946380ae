import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { meanAnswerScores, normalizeAnswer, scoreAnswer } from '../../src/metrics/squad.ts';
import { readQuestions } from '../../src/tasks/squad.ts';
import { failure } from '../data/failure.ts';
import { sharedText } from '../data/shared-files.ts';

const oldRules = { unanswerable: false };
const newRules = { unanswerable: true };

describe('the predictions that SQuAD publishes', () => {
  const dev = sharedText('data/squad/dev-1.1.reconstructed.json');
  // rajpurkar.github.io/SQuAD-explorer: Logistic Regression Baseline; BERT (ensemble).
  it.skipIf(dev === undefined).each([
    ['logistic-regression', 40.1, 51.0],
    ['bert-ensemble', 86.2, 92.2],
  ])('%s: exact match %f, F1 %f', (name, exactMatch, f1) => {
    const questions = readQuestions(dev!, 'dev.json');
    const file = sharedText(`data/squad/pred-1.1-${name}.json`)!;
    const predictions = z.record(z.string(), z.string()).parse(JSON.parse(file));
    const scores = meanAnswerScores(
      questions.map(({ id }) => predictions[id]),
      questions.map(({ answers }) => answers.map(({ text }) => text)),
      oldRules,
    );
    expect((100 * scores.exactMatch).toFixed(1)).toBe(exactMatch.toFixed(1));
    expect((100 * scores.f1).toFixed(1)).toBe(f1.toFixed(1));
  });
});

describe('normalisation', () => {
  it.each([
    ['The  Quick,\tbrown fox!', 'quick brown fox'],
    ['an apple a day; the-end', 'apple day theend'],
    ['a.m.', 'am'],
    ['“quoted” — kept', '“quoted” — kept'],
    ['thé a\u00e9 \u00e9a', 'thé aé éa'],
    ['x\u001cy\u00a0z\u3000', 'x y z'],
    ['The', ''],
  ])('%j → %j', (text, normalized) => {
    expect(normalizeAnswer(text)).toBe(normalized);
  });
});

describe('scores of one answer', () => {
  it('takes the best of the right answers', () => {
    expect(scoreAnswer('the Broncos', ['Denver Broncos', 'Broncos.'], oldRules)).toEqual({
      exactMatch: 1,
      f1: 1,
    });
    // One common word of two predicted and three right ones.
    expect(scoreAnswer('b x', ['b c d', 'y'], oldRules)).toEqual({ exactMatch: 0, f1: 0.4 });
    // A word counts as often as both have it.
    expect(scoreAnswer('b b', ['b c'], oldRules).f1).toBe(0.5);
  });

  it('knows questions without answer by the rules of version 2', () => {
    expect(scoreAnswer('', [], newRules)).toEqual({ exactMatch: 1, f1: 1 });
    expect(scoreAnswer('something', [], newRules)).toEqual({ exactMatch: 0, f1: 0 });
    expect(scoreAnswer('', ['something'], newRules)).toEqual({ exactMatch: 0, f1: 0 });
  });

  it('scores answers that normalisation empties as each script does', () => {
    expect(scoreAnswer('a', ['A'], oldRules)).toEqual({ exactMatch: 1, f1: 0 });
    expect(scoreAnswer('a', ['A'], newRules)).toEqual({ exactMatch: 1, f1: 1 });
    expect(scoreAnswer('a', ['A', 'grade A'], newRules)).toEqual({ exactMatch: 0, f1: 0 });
  });

  it('is symmetric, 1 for a right answer, and at least the exact match', () => {
    const words = fc.array(fc.constantFrom('x', 'y', 'z'), { minLength: 1, maxLength: 5 });
    const phrases = words.map((list) => list.join(' '));
    fc.assert(
      fc.property(phrases, phrases, (a, b) => {
        const one = scoreAnswer(a, [b], newRules);
        expect(scoreAnswer(b, [a], newRules)).toEqual(one);
        expect(one.f1).toBeGreaterThanOrEqual(one.exactMatch);
        expect(scoreAnswer(a, [b, a], newRules).f1).toBe(1);
      }),
    );
  });
});

describe('means', () => {
  it('counts a question without prediction as wrong', () => {
    expect(meanAnswerScores(['x', undefined], [['x'], ['y']], oldRules)).toEqual({
      exactMatch: 0.5,
      f1: 0.5,
    });
  });

  it('needs a prediction and a right answer to each question', () => {
    expect(failure(() => meanAnswerScores([], [], oldRules))).toContain('got 0 predictions and 0 questions');
    expect(failure(() => meanAnswerScores(['x'], [[]], oldRules))).toBe(
      'input/data: metric: expected at least one right answer to each question, got none',
    );
  });
});
