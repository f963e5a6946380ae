import { describe, expect, it } from 'vitest';
import { pearson, spearman } from '../../src/metrics/correlation.ts';
import { failure } from '../data/failure.ts';
import { metricFixtures } from './fixtures.ts';

const fixtures = metricFixtures();

describe.skipIf(fixtures === undefined)('against scipy', () => {
  it.each(fixtures?.correlation ?? [])('$name', (table) => {
    const { predictions, labels } = table;
    for (const [value, expected] of [
      [pearson(predictions, labels), table.pearson],
      [spearman(predictions, labels), table.spearman],
    ] as const) {
      if (expected === null) expect(value).toBeNaN();
      else expect(value).toBeCloseTo(expected, 10);
    }
  });
});

describe('by hand', () => {
  it('Pearson of four points', () => {
    // Deviations −1.5 −0.5 0.5 1.5 and −1 1 −1 1: 2 / √(5 · 4).
    expect(pearson([1, 2, 3, 4], [0, 2, 0, 2])).toBeCloseTo(2 / Math.sqrt(20), 14);
  });

  it('Spearman shares the mean rank among ties', () => {
    // Ranks 1 2.5 2.5 4 and 1 2 3 4: 4.5 / √(4.5 · 5).
    expect(spearman([10, 20, 20, 90], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(22.5), 14);
    expect(spearman([1, 2, 3], [1, 10, 1000])).toBeCloseTo(1, 14);
    expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 14);
  });

  it('is not a number where it is undefined', () => {
    expect(pearson([1, 1, 1], [1, 2, 3])).toBeNaN();
    expect(pearson([0.1, 0.1, 0.1], [1, 2, 3])).toBeNaN();
    expect(pearson([1], [1])).toBeNaN();
    expect(spearman([1, Number.NaN, 3], [1, 2, 3])).toBeNaN();
    expect(spearman([], [])).toBeNaN();
  });

  it('refuses lists of different lengths', () => {
    expect(failure(() => pearson([1], [1, 2]))).toContain('got 1 predictions and 2 labels');
    expect(failure(() => spearman([1], [1, 2]))).toContain('got 1 predictions and 2 labels');
  });
});
