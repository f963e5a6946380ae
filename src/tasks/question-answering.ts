import { permutation, streams } from '../data/shuffle.ts';
import { GspfError } from '../errors.ts';
import { meanAnswerScores } from '../metrics/squad.ts';

/** A right answer: a part of the context. */
export interface Answer {
  readonly text: string;
  /** Where it begins in the context, in UTF-16 code units, so that `context.startsWith(text, start)`. */
  readonly start: number;
}

/** One question on one text. */
export interface QuestionExample {
  readonly id: string;
  readonly question: string;
  readonly context: string;
  /** Every answer that counts as right; the first is the one to train on. None when the context has no answer. */
  readonly answers: readonly Answer[];
  /** Whether the context has no answer; left out where the data do not say. */
  readonly isImpossible?: boolean;
  /** The article that the context is from; contexts of one article stay on one side of a split. */
  readonly title: string;
}

/** Finding the answers to questions in texts: its data, and how answers are scored. */
export interface QuestionAnsweringTask {
  readonly kind: 'question-answering';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly QuestionExample[];
  readonly evaluation: readonly QuestionExample[];
  /** Whether there are questions without an answer, so that none may be the right one (the rules of SQuAD 2). */
  readonly unanswerable: boolean;
  /** Sentences to print: the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric of {@link evaluate} by which runs are compared. */
  readonly primaryMetric: string;
  /** Metrics of answers, one for each example, as fractions 0 … 1; the empty text says that there is none. */
  evaluate(
    predicted: readonly string[],
    expected: readonly QuestionExample[],
  ): Readonly<Record<string, number>>;
}

/** What a task of question answering is made of. */
export interface QuestionSources {
  readonly name: string;
  readonly train: readonly QuestionExample[];
  /** Questions to evaluate on; without them some articles of the training data are held out. */
  readonly evaluation?: readonly QuestionExample[] | undefined;
  /** Share of the questions to hold out; 0.1. */
  readonly evalRatio?: number | undefined;
  /** Seed of that split; 0. */
  readonly seed?: number | undefined;
}

/**
 * A task of question answering on examples that were read.
 *
 * @throws `usage/option` for a ratio out of range, `input/data` when there is one article only to split, or no
 * question to evaluate on.
 */
export function questionAnswering(sources: QuestionSources): QuestionAnsweringTask {
  const { name, evalRatio = 0.1, seed = 0 } = sources;
  const { train, evaluation, notes } =
    sources.evaluation === undefined
      ? articleSplit(sources.train, evalRatio, seed)
      : { train: sources.train, evaluation: sources.evaluation, notes: [] };
  if (evaluation.length === 0) {
    throw new GspfError('input/data', {
      subject: `task ${name}`,
      expected: 'questions to evaluate on',
      got: 'none',
    });
  }
  const unanswerable = [...train, ...evaluation].some(({ answers }) => answers.length === 0);
  return {
    kind: 'question-answering',
    name,
    train,
    evaluation,
    unanswerable,
    notes,
    primaryMetric: 'f1',
    evaluate: (predicted, expected) => questionMetrics(predicted, expected, unanswerable),
  };
}

/**
 * F1 and exact match by SQuAD's official rules; where questions may have no answer, also of those that have one and
 * of those that have none, and those by version 2's.
 */
function questionMetrics(
  predicted: readonly string[],
  expected: readonly QuestionExample[],
  unanswerable: boolean,
): Readonly<Record<string, number>> {
  const all = namedScores(predicted, expected, unanswerable, '');
  if (!unanswerable) return all;
  const part = (prefix: string, keep: (example: QuestionExample) => boolean): Record<string, number> => {
    const kept = predicted.filter((_, row) => expected[row] !== undefined && keep(expected[row]));
    return kept.length === 0 ? {} : namedScores(kept, expected.filter(keep), unanswerable, prefix);
  };
  return {
    ...all,
    ...part('answerable_', ({ answers }) => answers.length > 0),
    ...part('unanswerable_', ({ answers }) => answers.length === 0),
  };
}

function namedScores(
  predicted: readonly string[],
  expected: readonly QuestionExample[],
  unanswerable: boolean,
  prefix: string,
): Record<string, number> {
  const golds = expected.map(({ answers }) => answers.map(({ text }) => text));
  const { exactMatch, f1 } = meanAnswerScores(predicted, golds, { unanswerable });
  return { [`${prefix}f1`]: f1, [`${prefix}exact_match`]: exactMatch };
}

interface QuestionSplit {
  readonly train: readonly QuestionExample[];
  readonly evaluation: readonly QuestionExample[];
  readonly notes: readonly string[];
}

/**
 * Splits questions so that no article is on both sides: articles are held out, in an order that follows from the
 * seed, as long as the held-out questions come nearer to `ratio` of all by it; at least one article is on each side.
 *
 * @throws `usage/option` for a ratio out of range, `input/data` when there is one article only.
 */
export function articleSplit(
  examples: readonly QuestionExample[],
  ratio: number,
  seed: number,
): QuestionSplit {
  if (!(ratio > 0 && ratio < 1)) {
    throw new GspfError('usage/option', {
      subject: 'evalRatio',
      expected: 'a fraction between 0 and 1',
      got: `${ratio}`,
    });
  }
  const counts = new Map<string, number>();
  for (const { title } of examples) counts.set(title, (counts.get(title) ?? 0) + 1);
  const titles = [...counts.keys()];
  if (titles.length < 2) {
    throw new GspfError('input/data', {
      subject: 'evaluation split',
      expected: 'questions on at least two articles, none of which may be on both sides',
      got: `${titles.length}`,
      hint: 'Give evaluation data of its own (--eval-data).',
    });
  }
  const wanted = ratio * examples.length;
  const heldOut = new Set<string>();
  let questions = 0;
  for (const article of permutation(titles.length, seed, streams.split)) {
    const title = titles[article] ?? '';
    const count = counts.get(title) ?? 0;
    const comesNearer = Math.abs(questions + count - wanted) < Math.abs(questions - wanted);
    if (heldOut.size > 0 && (!comesNearer || heldOut.size === titles.length - 1)) continue;
    heldOut.add(title);
    questions += count;
  }
  const evaluation = examples.filter(({ title }) => heldOut.has(title));
  return {
    train: examples.filter(({ title }) => !heldOut.has(title)),
    evaluation,
    notes: [
      `Held out ${evaluation.length} of ${examples.length} questions for evaluation: those on ${heldOut.size} of ` +
        `${titles.length} articles (evaluation ratio ${ratio}, seed ${seed}).`,
    ],
  };
}
