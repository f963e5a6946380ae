import { GspfError } from '../errors.ts';
import { permutation, streams } from './shuffle.ts';

/** Row numbers of the two halves, each ascending. */
export interface Split {
  readonly train: Int32Array;
  readonly evaluation: Int32Array;
}

/**
 * Splits rows into a training and an evaluation half that hold the classes in the same proportions.
 *
 * The evaluation half has ⌊ratio · n + ½⌋ rows, at least one, shared out over the classes by largest remainder;
 * at least one row of each class stays in training. Which rows they are follows from the seed. Groups of rows are held
 * out as long as all of their rows find room in that: the half is then smaller where only large ones are left.
 *
 * @param classes Class of each row, integers from 0.
 * @param ratio Share held out for evaluation, between 0 and 1.
 * @param groups Rows that stay on one side of the split together; each alone without them.
 * @throws `usage/option` for a ratio out of range, `input/data` when no class has a row, or a group, to spare.
 */
export function stratifiedSplit(
  classes: ArrayLike<number>,
  seed: number,
  ratio = 0.1,
  groups?: readonly (readonly number[])[],
): Split {
  requireRatio(ratio);
  const parts = groups ?? Array.from(classes, (_, row) => [row]);
  const quota = quotas(classes, ratio);
  const train: number[] = [];
  const evaluation: number[] = [];
  for (const index of permutation(parts.length, seed, streams.split)) {
    const rows = parts[index] ?? [];
    const wanted = countClasses(rows.map((row) => classes[row] ?? 0));
    const fits = [...wanted].every(([label, count]) => count <= (quota.get(label) ?? 0));
    if (fits) for (const [label, count] of wanted) quota.set(label, (quota.get(label) ?? 0) - count);
    (fits ? evaluation : train).push(...rows);
  }
  if (evaluation.length === 0) {
    throw new GspfError('input/data', {
      subject: 'evaluation split',
      ...(groups === undefined
        ? { expected: 'a class with at least two rows', got: `${classes.length} rows of as many classes` }
        : {
            expected: 'rows of which some share no text with too many others',
            got: `${classes.length} rows in ${groups.length} groups that share texts`,
          }),
      hint: 'Give evaluation data of its own (--eval-data).',
    });
  }
  return { train: Int32Array.from(train).sort(), evaluation: Int32Array.from(evaluation).sort() };
}

/**
 * Splits n rows into a training and an evaluation half by chance, for rows that have no classes.
 *
 * The evaluation half has ⌊ratio · n + ½⌋ rows; at least one row is on each side. Which rows they are follows from
 * the seed.
 *
 * @param ratio Share held out for evaluation, between 0 and 1.
 * @throws `usage/option` for a ratio out of range, `input/data` for less than two rows.
 */
export function plainSplit(n: number, seed: number, ratio = 0.1): Split {
  requireRatio(ratio);
  if (n < 2) {
    throw new GspfError('input/data', {
      subject: 'evaluation split',
      expected: 'at least two rows',
      got: `${n}`,
      hint: 'Give evaluation data of its own (--eval-data).',
    });
  }
  const heldOut = Math.min(n - 1, Math.max(1, Math.round(ratio * n)));
  const order = permutation(n, seed, streams.split);
  return { train: order.slice(heldOut).sort(), evaluation: order.slice(0, heldOut).sort() };
}

function requireRatio(ratio: number): void {
  if (ratio > 0 && ratio < 1) return;
  throw new GspfError('usage/option', {
    subject: 'evalRatio',
    expected: 'a fraction between 0 and 1',
    got: `${ratio}`,
  });
}

/** How many rows of each class to hold out. */
function quotas(classes: ArrayLike<number>, ratio: number): Map<number, number> {
  const counts = countClasses(classes);
  const quota = new Map<number, number>();
  const remainders: { readonly label: number; readonly remainder: number }[] = [];
  let left = Math.max(1, Math.round(ratio * classes.length));
  for (const [label, count] of [...counts].sort(([a], [b]) => a - b)) {
    const share = Math.min(Math.floor(count * ratio), count - 1);
    quota.set(label, share);
    remainders.push({ label, remainder: count * ratio - share });
    left -= share;
  }
  remainders.sort((a, b) => b.remainder - a.remainder || a.label - b.label);
  for (const { label } of remainders) {
    const share = quota.get(label) ?? 0;
    if (left <= 0 || share + 1 >= (counts.get(label) ?? 0)) continue;
    quota.set(label, share + 1);
    left--;
  }
  return quota;
}

function countClasses(classes: ArrayLike<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const label of Array.from(classes)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}

/**
 * The rows that a limit keeps: the first `limit` of a shuffle of all n, ascending; all of them if there are no more.
 *
 * @throws `usage/option` for a limit below 1.
 */
export function limitRows(n: number, limit: number, seed = 0): Int32Array {
  if (!Number.isInteger(limit) || limit < 1) {
    throw new GspfError('usage/option', {
      subject: 'row limit',
      expected: 'a positive integer',
      got: `${limit}`,
    });
  }
  return permutation(n, seed, streams.limit).slice(0, limit).sort();
}
