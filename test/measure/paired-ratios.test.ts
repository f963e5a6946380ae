import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { median, medianInterval, pairedRatio } from '../../src/measure/paired-ratios.ts';

/** P(at least k of n), each with probability p. */
function atLeast(k: number, n: number, p: number): number {
  let [sum, choose] = [0, 1];
  for (let i = 0; i <= n; i++) {
    if (i >= k) sum += choose * p ** i * (1 - p) ** (n - i);
    choose = (choose * (n - i)) / (i + 1);
  }
  return sum;
}

/**
 * The share of an odd number n of values drawn with replacement whose median is at most the k-th smallest: more than
 * half of them must be among the k smallest, each with probability k / n.
 */
const medianAtMost = (k: number, n: number): number => atLeast((n + 1) / 2, n, k / n);

describe('medianInterval', () => {
  test.each([5, 7, 9, 11])('of %i values ends where the exact bootstrap distribution does', (n) => {
    const values = Array.from({ length: n }, (_, i) => i + 1);
    const interval = medianInterval(values, { seed: 3 });
    const rank = (share: number): number => values.find((k) => medianAtMost(k, n) >= share)!;
    // 10,000 draws settle the rank where no rank's share is within a hundredth of the tail.
    expect([interval?.lower, interval?.upper]).toEqual([rank(0.025), rank(0.975)]);
    expect(interval?.median).toBe((n + 1) / 2);
  });

  test('follows from values and seed', () => {
    const values = [0.31, 0.35, 0.3, 0.42, 0.33];
    expect(medianInterval(values, { seed: 7 })).toEqual(medianInterval(values, { seed: 7 }));
  });

  test('encloses the median, lies within the values, and narrows with less confidence', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 1000 }),
        (values, seed) => {
          const wide = medianInterval(values, { seed, resamples: 200 })!;
          const narrow = medianInterval(values, { seed, resamples: 200, confidence: 0.5 })!;
          const ends = [
            Math.min(...values),
            wide.lower,
            narrow.lower,
            narrow.upper,
            wide.upper,
            Math.max(...values),
          ];
          expect([...ends].sort((a, b) => a - b)).toEqual(ends);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('has nothing to say of nothing', () => {
    expect(medianInterval([])).toBeUndefined();
  });
});

test('pairedRatio is not fooled by a machine that slows down between pairs', () => {
  const slowness = [1, 1, 4, 2, 9];
  const pairs = slowness.map((factor) => ({ ours: 0.3 * factor, theirs: factor }));
  const ratio = pairedRatio(pairs);
  expect(ratio).toMatchObject({ count: 5 });
  for (const value of [ratio?.median, ratio?.lower, ratio?.upper]) expect(value).toBeCloseTo(0.3, 12);
});

test('pairedRatio counts what never ended as infinite, and has a finite median while most ended', () => {
  const forever = Number.POSITIVE_INFINITY;
  const some = [0.2, forever, 0.4, 0.3, 0.25, 0.35, forever, 0.5, 0.45].map((ours) => ({ ours, theirs: 1 }));
  expect(pairedRatio(some)?.median).toBe(0.4);
  const none = [forever, forever, forever].map((ours) => ({ ours, theirs: 1 }));
  expect(pairedRatio(none)).toEqual({ median: forever, lower: forever, upper: forever, count: 3 });
  expect(median([1, forever])).toBe(forever);
});

test('median of an even number is the mean of the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([2, 9, 1])).toBe(2);
});
