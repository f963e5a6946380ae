import { plainSplit } from '../data/split.ts';
import { GspfError } from '../errors.ts';
import { pick } from './examples.ts';

/** One text. */
export interface PlainText {
  readonly text: string;
}

/** Guessing hidden tokens of texts: its data. Metrics follow from the model's probabilities alone. */
export interface MaskedLmTask {
  readonly kind: 'masked-lm';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly PlainText[];
  readonly evaluation: readonly PlainText[];
  /** Sentences to print: the column that was guessed, the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric by which runs are compared: the share of hidden tokens that are guessed. */
  readonly primaryMetric: 'accuracy';
}

/** The texts of a file, and sentences to print about where they were found. */
export interface PlainTexts {
  readonly texts: readonly PlainText[];
  readonly notes: readonly string[];
}

/** What a task of masked language modelling is made of. */
export interface MaskedLmSources {
  /** Missing when there is nothing to train on. */
  readonly train?: PlainTexts | undefined;
  /** Texts to evaluate on; without them a part of the training texts is held out. */
  readonly evaluation?: PlainTexts | undefined;
  /** Share of the texts to hold out; 0.1. */
  readonly evalRatio?: number | undefined;
  /** Seed of that split; 0. */
  readonly seed?: number | undefined;
}

const name = 'masked-lm';

/**
 * A task of masked language modelling on texts that were read.
 *
 * @throws `input/data` for no text to evaluate on, `usage/option` for a ratio out of range.
 */
export function maskedLm({ train, evaluation, evalRatio = 0.1, seed = 0 }: MaskedLmSources): MaskedLmTask {
  const task = { kind: name, name, primaryMetric: 'accuracy' } as const;
  const texts = train?.texts ?? [];
  const given = evaluation?.texts;
  if (texts.length + (given?.length ?? 0) === 0) {
    throw new GspfError('input/data', { subject: `task ${name}`, expected: 'texts', got: 'none' });
  }
  if (given !== undefined) {
    const notes = [...new Set([...(train?.notes ?? []), ...(evaluation?.notes ?? [])])];
    return { ...task, train: texts, evaluation: given, notes };
  }
  const split = plainSplit(texts.length, seed, evalRatio);
  return {
    ...task,
    train: pick(texts, split.train),
    evaluation: pick(texts, split.evaluation),
    notes: [
      ...(train?.notes ?? []),
      `Held out ${split.evaluation.length} of ${texts.length} texts for evaluation ` +
        `(evaluation ratio ${evalRatio}, seed ${seed}).`,
    ],
  };
}
