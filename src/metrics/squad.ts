import { GspfError } from '../errors.ts';

/** The right answers of one question; none when its text holds no answer. */
export type GoldAnswers = readonly string[];

/** How well an answer does, each 0 … 1. */
export interface AnswerScores {
  /** 1 for an answer that equals a right one up to case, punctuation, articles and white space, else 0. */
  readonly exactMatch: number;
  /** Overlap of its words with those of the nearest right answer. */
  readonly f1: number;
}

/** By which of the two official scripts answers are scored. */
export interface SquadRules {
  /**
   * Whether a question may have no answer, as in SQuAD 2: the right answer to such a question is the empty text.
   * The scripts also differ on answers of which normalisation leaves nothing.
   */
  readonly unanswerable: boolean;
}

/**
 * A text as the official scripts compare it: in lower case, without the punctuation of ASCII, the articles a, an and
 * the, and superfluous white space.
 *
 * Source: `normalize_answer` of SQuAD's evaluate-v1.1.py and evaluate-v2.0.py. Word boundaries are Python's.
 */
export function normalizeAnswer(text: string): string {
  const words = text
    .toLowerCase()
    .replaceAll(/[!-/:-@[-`{-~]/g, '')
    .replaceAll(/(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu, ' ');
  return words
    .split(pythonSpace)
    .filter((word) => word !== '')
    .join(' ');
}

/** What Python's `str.split` splits at. */
const pythonSpace =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Python counts the separators of ASCII as white space.
  /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * The scores of one answer: each the best over the right answers.
 *
 * Source: SQuAD's evaluate-v1.1.py, or evaluate-v2.0.py for {@link SquadRules.unanswerable}.
 *
 * @throws `input/data` for a question without right answers, unless it may have none.
 */
export function scoreAnswer(
  prediction: string,
  golds: GoldAnswers,
  { unanswerable }: SquadRules,
): AnswerScores {
  const predicted = normalizeAnswer(prediction);
  const normalized = golds.map(normalizeAnswer);
  const spoken = unanswerable ? normalized.filter((gold) => gold !== '') : normalized;
  const candidates = unanswerable && spoken.length === 0 ? [''] : spoken;
  if (candidates.length === 0) {
    throw new GspfError('input/data', {
      subject: 'metric',
      expected: 'at least one right answer to each question',
      got: 'none',
    });
  }
  return {
    exactMatch: candidates.includes(predicted) ? 1 : 0,
    f1: Math.max(...candidates.map((gold) => wordF1(predicted, gold, unanswerable))),
  };
}

/**
 * The means of {@link scoreAnswer} over all questions.
 *
 * @param predictions One for each question; undefined, a question that was not answered, scores 0.
 * @throws `input/data` for lists that are empty or of different lengths, and as {@link scoreAnswer}.
 */
export function meanAnswerScores(
  predictions: readonly (string | undefined)[],
  golds: readonly GoldAnswers[],
  rules: SquadRules,
): AnswerScores {
  if (predictions.length !== golds.length || golds.length === 0) {
    throw new GspfError('input/data', {
      subject: 'metric',
      expected: 'as many predictions as questions, at least one',
      got: `${predictions.length} predictions and ${golds.length} questions`,
    });
  }
  let exactMatch = 0;
  let f1 = 0;
  for (const [question, answers] of golds.entries()) {
    const prediction = predictions[question];
    if (prediction === undefined) continue;
    const scores = scoreAnswer(prediction, answers, rules);
    exactMatch += scores.exactMatch;
    f1 += scores.f1;
  }
  return { exactMatch: exactMatch / golds.length, f1: f1 / golds.length };
}

/** F1 of two bags of words: 2 · common / (predicted + gold). */
function wordF1(predicted: string, gold: string, unanswerable: boolean): number {
  // Version 1.1 has no such case: nothing in common is 0, of empty texts too.
  if (unanswerable && (predicted === '' || gold === '')) return predicted === gold ? 1 : 0;
  const words = predicted === '' ? [] : predicted.split(' ');
  const goldWords = gold === '' ? [] : gold.split(' ');
  const left = new Map<string, number>();
  for (const word of goldWords) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of words) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  return common === 0 ? 0 : (2 * common) / (words.length + goldWords.length);
}
