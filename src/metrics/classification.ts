import { GspfError } from '../errors.ts';

/** How scores of several classes become one, as in scikit-learn; `binary` is the score of class 1. */
export type Average = 'binary' | 'macro' | 'micro' | 'weighted';

/** Counts of every (expected, predicted) pair of classes. */
export interface ConfusionMatrix {
  readonly classes: number;
  /** `[expected, predicted]`, row-major, `classes` × `classes`. */
  readonly counts: Int32Array;
}

/**
 * The confusion matrix of two lists of classes, integers from 0.
 *
 * @param classes Number of classes; one more than the largest that occurs when left out.
 * @throws `input/data` for lists that are empty, of different lengths, or hold a class out of range.
 */
export function confusionMatrix(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  classes?: number,
): ConfusionMatrix {
  if (predicted.length !== expected.length || expected.length === 0) {
    throw new GspfError('input/data', {
      subject: 'metric',
      expected: 'as many predictions as labels, at least one',
      got: `${predicted.length} predictions and ${expected.length} labels`,
    });
  }
  let largest = 0;
  for (const list of [predicted, expected]) {
    for (let row = 0; row < list.length; row++) {
      const value = list[row] ?? Number.NaN;
      if (!Number.isInteger(value) || value < 0 || (classes !== undefined && value >= classes)) {
        throw new GspfError('input/data', {
          subject: `metric, row ${row}`,
          expected:
            classes === undefined ? 'a class number from 0' : `a class number from 0 to ${classes - 1}`,
          got: `${value}`,
        });
      }
      largest = Math.max(largest, value);
    }
  }
  const size = classes ?? largest + 1;
  const counts = new Int32Array(size * size);
  for (let row = 0; row < expected.length; row++) {
    const cell = (expected[row] ?? 0) * size + (predicted[row] ?? 0);
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return { classes: size, counts };
}

/**
 * Share of predictions that equal their label, 0 … 1.
 *
 * @throws `input/data` as {@link confusionMatrix}.
 */
export function accuracy(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  const { total, hits } = summarize(predicted, expected);
  return hits / total;
}

/**
 * Precision, 0 … 1: right predictions of a class among its predictions; 0 for a class never predicted.
 *
 * Averages run over the classes that occur in either list.
 *
 * @throws `input/data` as {@link confusionMatrix}; `usage/option` for `binary` and a class beyond 1.
 */
export function precision(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  average: Average,
): number {
  return averaged(predicted, expected, average, ({ hit, predicted: positives }) => ratio(hit, positives));
}

/**
 * Recall, 0 … 1: right predictions of a class among its labels; 0 for a class without labels.
 *
 * Averages run over the classes that occur in either list.
 *
 * @throws `input/data` as {@link confusionMatrix}; `usage/option` for `binary` and a class beyond 1.
 */
export function recall(predicted: ArrayLike<number>, expected: ArrayLike<number>, average: Average): number {
  return averaged(predicted, expected, average, ({ hit, support }) => ratio(hit, support));
}

/**
 * F1, 0 … 1: the harmonic mean of precision and recall; 0 for a class in neither list.
 *
 * Averages run over the classes that occur in either list.
 *
 * @throws `input/data` as {@link confusionMatrix}; `usage/option` for `binary` and a class beyond 1.
 */
export function f1(predicted: ArrayLike<number>, expected: ArrayLike<number>, average: Average): number {
  return averaged(predicted, expected, average, ({ hit, predicted: positives, support }) =>
    ratio(2 * hit, positives + support),
  );
}

/**
 * Matthews correlation of any number of classes, −1 … 1; 0 where it is undefined (one class only in a list).
 *
 * @throws `input/data` as {@link confusionMatrix}.
 */
export function matthewsCorrelation(predicted: ArrayLike<number>, expected: ArrayLike<number>): number {
  const { total, hits, classes } = summarize(predicted, expected);
  // (c·s − Σ p·t) / √((s² − Σ p²)(s² − Σ t²)): s rows, c hits, p predictions and t labels of each class.
  let cross = 0;
  let predictedSquares = 0;
  let expectedSquares = 0;
  for (const { predicted: positives, support } of classes) {
    cross += positives * support;
    predictedSquares += positives * positives;
    expectedSquares += support * support;
  }
  const square = total * total;
  return ratio(hits * total - cross, Math.sqrt((square - predictedSquares) * (square - expectedSquares)));
}

/** How one class fared. */
export interface ClassScores {
  /** Fractions, 0 … 1; 0 where they are undefined. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Rows with this label. */
  readonly support: number;
}

/**
 * Precision, recall, F1 and support of each class.
 *
 * @throws `input/data` as {@link confusionMatrix}.
 */
export function classScores(matrix: ConfusionMatrix): readonly ClassScores[] {
  return classCounts(matrix).map(({ hit, predicted, support }) => ({
    precision: ratio(hit, predicted),
    recall: ratio(hit, support),
    f1: ratio(2 * hit, predicted + support),
    support,
  }));
}

/**
 * Intersection over union, 0 … 1, of what is predicted and what is expected of a class: the mean over the classes that
 * occur in either, as scikit-learn's `jaccard_score` with `average="macro"`.
 */
export function meanIou(matrix: ConfusionMatrix): number {
  const present = classCounts(matrix).filter(({ predicted, support }) => predicted + support > 0);
  const shares = present.map(({ hit, predicted, support }) => hit / (predicted + support - hit));
  return ratio(
    shares.reduce((sum, share) => sum + share, 0),
    shares.length,
  );
}

interface ClassCounts {
  /** Rows where prediction and label are this class. */
  readonly hit: number;
  readonly predicted: number;
  readonly support: number;
}

interface Summary {
  readonly total: number;
  readonly hits: number;
  readonly classes: readonly ClassCounts[];
}

function summarize(predicted: ArrayLike<number>, expected: ArrayLike<number>): Summary {
  const classes = classCounts(confusionMatrix(predicted, expected));
  return { total: expected.length, hits: classes.reduce((sum, { hit }) => sum + hit, 0), classes };
}

function classCounts({ classes: size, counts }: ConfusionMatrix): ClassCounts[] {
  const at = (row: number, column: number): number => counts[row * size + column] ?? 0;
  return Array.from({ length: size }, (_, label): ClassCounts => {
    let positives = 0;
    let support = 0;
    for (let other = 0; other < size; other++) {
      positives += at(other, label);
      support += at(label, other);
    }
    return { hit: at(label, label), predicted: positives, support };
  });
}

function averaged(
  predicted: ArrayLike<number>,
  expected: ArrayLike<number>,
  average: Average,
  score: (counts: ClassCounts) => number,
): number {
  const { total, hits, classes } = summarize(predicted, expected);
  if (average === 'micro') return score({ hit: hits, predicted: total, support: total });
  if (average === 'binary') {
    if (classes.length > 2) {
      throw new GspfError('usage/option', {
        subject: 'binary average',
        expected: 'classes 0 and 1',
        got: `class ${classes.length - 1}`,
        hint: 'Choose macro, micro or weighted.',
      });
    }
    return score(classes[1] ?? { hit: 0, predicted: 0, support: 0 });
  }
  const present = classes.filter((counts) => counts.predicted + counts.support > 0);
  const weight = (counts: ClassCounts): number =>
    average === 'macro' ? 1 / present.length : counts.support / total;
  return present.reduce((sum, counts) => sum + weight(counts) * score(counts), 0);
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
