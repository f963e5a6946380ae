import { plainSplit } from '../data/split.ts';
import { quoteNames } from '../data/table.ts';
import { GspfError, suggest } from '../errors.ts';
import { accuracy } from '../metrics/classification.ts';
import { entityScores, OUTSIDE } from '../metrics/entities.ts';
import { pick } from './examples.ts';
import type { TaggedSentence } from './tagged-sentences.ts';

/** One sentence with a class for each of its words. */
export interface LabelledWords {
  readonly tokens: readonly string[];
  /** Class numbers, indices into the task's labels. */
  readonly labels: Int32Array;
}

/** A classification of the words of sentences, such as finding names: its data, its labels and how it is scored. */
export interface TokenClassificationTask {
  readonly kind: 'token-classification';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Label names by class number. */
  readonly labels: readonly string[];
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly LabelledWords[];
  readonly evaluation: readonly LabelledWords[];
  /** Sentences to print: the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric of {@link evaluate} by which runs are compared. */
  readonly primaryMetric: string;
  /**
   * Precision, recall and F1 of entities, F1 of each type of them, and the accuracy of words, as fractions 0 … 1.
   *
   * @param predicted Class numbers of the words of each sentence.
   * @throws `input/data` for as many predictions as there are not sentences, or words in one.
   */
  evaluate(
    predicted: readonly Int32Array[],
    expected: readonly LabelledWords[],
  ): Readonly<Record<string, number>>;
}

/** What a task of token classification is made of. */
export interface TaggedSources {
  /** Missing when there is nothing to train on, which needs `labels` and `evaluation`. */
  readonly train?: readonly TaggedSentence[] | undefined;
  /** Sentences to evaluate on; without them a part of the training data is held out. */
  readonly evaluation?: readonly TaggedSentence[] | undefined;
  /** Share of the sentences to hold out; 0.1. */
  readonly evalRatio?: number | undefined;
  /** Seed of that split; 0. */
  readonly seed?: number | undefined;
  /** Label names by class number; learnt from the training data when left out. */
  readonly labels?: readonly string[] | undefined;
}

const name = 'token-classification';

/**
 * A task of token classification on sentences that were read.
 *
 * Labels are learnt as O first, then by name. Class numbers without names are names themselves, and 0 is O.
 *
 * @throws `input/data` for labels that are unknown, for one label only, and for nothing to evaluate on; `usage/option`
 * for a ratio out of range.
 */
export function tokenClassification(sources: TaggedSources): TokenClassificationTask {
  const { evalRatio = 0.1, seed = 0, train = [] } = sources;
  const given = sources.evaluation;
  if (train.length === 0 && (given ?? []).length === 0) {
    throw new GspfError('input/data', { subject: `task ${name}`, expected: 'sentences', got: 'none' });
  }
  const labels = sources.labels ?? learnTags(train);
  const examples = train.map((sentence) => labelled(sentence, labels));
  const task = { kind: name, name, labels, primaryMetric: 'f1', evaluate: scorer(labels) } as const;
  const notes = notesOn(labels);
  if (given !== undefined) {
    const evaluation = given.map((sentence) => labelled(sentence, labels));
    return { ...task, train: examples, evaluation, notes };
  }
  const split = plainSplit(examples.length, seed, evalRatio);
  return {
    ...task,
    train: pick(examples, split.train),
    evaluation: pick(examples, split.evaluation),
    notes: [
      ...notes,
      `Held out ${split.evaluation.length} of ${examples.length} sentences for evaluation ` +
        `(evaluation ratio ${evalRatio}, seed ${seed}).`,
    ],
  };
}

function learnTags(sentences: readonly TaggedSentence[]): string[] {
  const tags = new Set<string | number>(sentences.flatMap((sentence) => [...sentence.tags]));
  const numbers = [...tags].filter((tag) => typeof tag === 'number');
  const names = [...tags].filter((tag) => typeof tag === 'string');
  if (numbers.length > 0 && names.length > 0) {
    throw new GspfError('input/data', {
      subject: sentences.find(({ tags: [tag] }) => typeof tag === 'number')?.placeOf(0) ?? name,
      expected: 'names as labels, as elsewhere in the file',
      got: 'numbers',
    });
  }
  if (tags.size < 2) {
    throw new GspfError('input/data', {
      subject: `task ${name}`,
      expected: 'at least two different labels',
      got: `only ${quoteNames([...tags].map(String))}`,
    });
  }
  if (numbers.length > 0) {
    return Array.from({ length: Math.max(...numbers) + 1 }, (_, tag) => (tag === 0 ? OUTSIDE : `${tag}`));
  }
  const others = names.filter((tag) => tag !== OUTSIDE).sort((a, b) => (a < b ? -1 : 1));
  return names.includes(OUTSIDE) ? [OUTSIDE, ...others] : others;
}

function labelled({ tokens, tags, placeOf }: TaggedSentence, labels: readonly string[]): LabelledWords {
  const numbers = new Map(labels.map((label, index) => [label, index]));
  const classes = Array.from<string | number, number>(tags, (tag, token) => {
    const label = typeof tag === 'string' ? numbers.get(tag) : tag;
    if (label !== undefined && label < labels.length) return label;
    throw new GspfError('input/data', {
      subject: placeOf(token),
      expected:
        typeof tag === 'string'
          ? `one of the known labels (${quoteNames(labels)})`
          : `a class number from 0 to ${labels.length - 1}`,
      got: typeof tag === 'string' ? `"${tag}"` : `${tag}`,
      hint: typeof tag === 'string' ? suggest(tag, labels) : '',
    });
  });
  return { tokens, labels: Int32Array.from(classes) };
}

function notesOn(labels: readonly string[]): string[] {
  const inside = labels.filter((label) => label !== OUTSIDE);
  if (inside.every((label) => /^\d+$/.test(label))) {
    return ['The labels are numbers: 0 is taken for O, and neighbouring words of one number for one entity.'];
  }
  return inside.some((label) => /^[BIES]-/.test(label))
    ? []
    : ['No label begins with B-, I-, E- or S-: neighbouring words of one label count as one entity.'];
}

function scorer(labels: readonly string[]): TokenClassificationTask['evaluate'] {
  const namesOf = (classes: Int32Array): string[] => Array.from(classes, (label) => labels[label] ?? OUTSIDE);
  return (predicted, expected) => {
    const { micro, byType } = entityScores(
      predicted.map(namesOf),
      expected.map((sentence) => namesOf(sentence.labels)),
    );
    const words = expected.flatMap((sentence) => [...sentence.labels]);
    return {
      f1: micro.f1,
      precision: micro.precision,
      recall: micro.recall,
      accuracy: accuracy(
        predicted.flatMap((classes) => [...classes]),
        words,
      ),
      ...Object.fromEntries([...byType].map(([type, scores]) => [`f1_${type}`, scores.f1])),
    };
  };
}
