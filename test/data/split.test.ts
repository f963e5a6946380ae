import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation } from '../../src/data/shuffle.ts';
import { limitRows, plainSplit, stratifiedSplit } from '../../src/data/split.ts';
import { failure } from './failure.ts';

const ratios = fc.double({ min: 0.01, max: 0.99, noNaN: true });
const classLists = fc
  .array(fc.nat(4), { minLength: 2, maxLength: 200 })
  .filter((classes) => new Set(classes).size < classes.length);

function count(classes: readonly number[], rows: Iterable<number>, label: number): number {
  return [...rows].filter((row) => classes[row] === label).length;
}

describe('stratifiedSplit', () => {
  it('uses every row once, keeps every class in training, and stays within a row of each share', () => {
    fc.assert(
      fc.property(classLists, fc.nat(), ratios, (classes, seed, ratio) => {
        const { train, evaluation } = stratifiedSplit(classes, seed, ratio);
        expect([...train, ...evaluation].sort((a, b) => a - b)).toEqual([...classes.keys()]);
        expect(train).toEqual(train.toSorted());
        expect(evaluation).toEqual(evaluation.toSorted());
        expect(evaluation.length).toBeGreaterThan(0);
        for (const label of new Set(classes)) {
          const size = count(classes, classes.keys(), label);
          const heldOut = count(classes, evaluation, label);
          expect(heldOut).toBeLessThan(size);
          expect(Math.abs(heldOut - Math.min(size * ratio, size - 1))).toBeLessThanOrEqual(1);
        }
        expect(stratifiedSplit(classes, seed, ratio)).toEqual({ train, evaluation });
      }),
    );
  });

  it('holds out a tenth of each class', () => {
    const classes = Array.from({ length: 100 }, (_, row) => (row < 70 ? 0 : 1));
    const { train, evaluation } = stratifiedSplit(classes, 0);
    expect([count(classes, evaluation, 0), count(classes, evaluation, 1), train.length]).toEqual([7, 3, 90]);
    expect(stratifiedSplit(classes, 1).evaluation).not.toEqual(evaluation);
  });

  it('shares by largest remainder, and holds out one row at least', () => {
    const classes = [...Array(16).fill(0), ...Array(19).fill(1)];
    const { evaluation } = stratifiedSplit(classes, 5, 0.1);
    expect([count(classes, evaluation, 0), count(classes, evaluation, 1)]).toEqual([2, 2]);
    expect(stratifiedSplit([0, 0, 1], 0, 0.01).evaluation).toHaveLength(1);
  });

  it('keeps groups of rows together, and splits rows of their own as it does without groups', () => {
    const grouped = classLists.chain((classes) =>
      fc.tuple(fc.constant(classes), fc.array(fc.nat(9), { minLength: classes.length, maxLength: 200 })),
    );
    fc.assert(
      fc.property(grouped, fc.nat(), ratios, ([classes, names], seed, ratio) => {
        const alone = [...classes.keys()].map((row) => [row]);
        expect(stratifiedSplit(classes, seed, ratio, alone)).toEqual(stratifiedSplit(classes, seed, ratio));
        const groups = [...new Set(names)].map((name) =>
          [...classes.keys()].filter((row) => names[row] === name),
        );
        const ungrouped = stratifiedSplit(classes, seed, ratio);
        let split: typeof ungrouped;
        try {
          split = stratifiedSplit(classes, seed, ratio, groups);
        } catch (error) {
          // Every group is larger than what is to be held out.
          expect(String(error)).toContain('groups that share texts');
          return;
        }
        const { train, evaluation } = split;
        expect([...train, ...evaluation].sort((a, b) => a - b)).toEqual([...classes.keys()]);
        const heldOut = new Set(evaluation);
        for (const rows of groups) {
          expect([0, rows.length]).toContain(rows.filter((row) => heldOut.has(row)).length);
        }
        for (const label of new Set(classes)) {
          expect(count(classes, evaluation, label)).toBeLessThanOrEqual(
            count(classes, ungrouped.evaluation, label),
          );
        }
      }),
    );
  });

  it('refuses a ratio out of range and classes of one row each', () => {
    expect(failure(() => stratifiedSplit([0, 0, 1], 0, 10))).toBe(
      'usage/option: evalRatio: expected a fraction between 0 and 1, got 10',
    );
    expect(failure(() => stratifiedSplit([0, 1, 2], 0))).toContain('expected a class with at least two rows');
  });
});

describe('plainSplit', () => {
  it('uses every row once, holds out the share that is asked for, and leaves a row on each side', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fc.nat(), ratios, (n, seed, ratio) => {
        const { train, evaluation } = plainSplit(n, seed, ratio);
        expect([...train, ...evaluation].sort((a, b) => a - b)).toEqual([...Array(n).keys()]);
        expect([train, evaluation]).toEqual([train.toSorted(), evaluation.toSorted()]);
        expect(Math.min(train.length, evaluation.length)).toBeGreaterThan(0);
        const share = Math.min(n - 1, Math.max(1, ratio * n));
        expect(Math.abs(evaluation.length - share)).toBeLessThanOrEqual(0.5);
        expect(plainSplit(n, seed, ratio)).toEqual({ train, evaluation });
      }),
    );
    expect(plainSplit(100, 1)).not.toEqual(plainSplit(100, 0));
  });

  it('refuses a ratio out of range and a single row', () => {
    expect(failure(() => plainSplit(9, 0, 0))).toContain('expected a fraction between 0 and 1, got 0');
    expect(failure(() => plainSplit(1, 0))).toContain('expected at least two rows, got 1');
  });
});

describe('limitRows', () => {
  it('takes the first rows of the shuffle, so that a smaller limit is part of a larger one', () => {
    const order = permutation(50, 0, 0);
    expect(limitRows(50, 20)).toEqual(order.slice(0, 20).toSorted());
    expect([...limitRows(50, 30)]).toEqual(expect.arrayContaining([...limitRows(50, 20)]));
    expect(limitRows(5, 9)).toEqual(Int32Array.of(0, 1, 2, 3, 4));
    expect(limitRows(50, 20, 1)).not.toEqual(limitRows(50, 20));
  });

  it('refuses a limit below 1', () => {
    expect(failure(() => limitRows(5, 0))).toBe(
      'usage/option: row limit: expected a positive integer, got 0',
    );
  });
});
