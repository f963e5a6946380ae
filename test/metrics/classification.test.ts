import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accuracy,
  confusionMatrix,
  f1,
  matthewsCorrelation,
  precision,
  recall,
} from '../../src/metrics/classification.ts';
import { failure } from '../data/failure.ts';
import { metricFixtures } from './fixtures.ts';

const fixtures = metricFixtures();

describe.skipIf(fixtures === undefined)('against scikit-learn', () => {
  it.each(fixtures?.classification ?? [])('$name', (table) => {
    const { predictions, labels } = table;
    expect(accuracy(predictions, labels)).toBeCloseTo(table.accuracy, 12);
    expect(f1(predictions, labels, 'macro')).toBeCloseTo(table.f1Macro, 12);
    expect(f1(predictions, labels, 'micro')).toBeCloseTo(table.f1Micro, 12);
    expect(matthewsCorrelation(predictions, labels)).toBeCloseTo(table.matthews, 12);
    if (table.f1Binary === null) {
      expect(failure(() => f1(predictions, labels, 'binary'))).toContain('Choose macro, micro or weighted.');
    } else {
      expect(f1(predictions, labels, 'binary')).toBeCloseTo(table.f1Binary, 12);
    }
  });
});

describe('by hand', () => {
  // Class 0: 2 labels, 1 prediction, 1 hit; class 1: 2, 2, 1; class 2: 1, 2, 1.
  const expected = [0, 0, 1, 1, 2];
  const predicted = [0, 1, 1, 2, 2];

  it('confusion matrix: rows are labels, columns predictions', () => {
    expect([...confusionMatrix(predicted, expected).counts]).toEqual([1, 1, 0, 0, 1, 1, 0, 0, 1]);
    expect(confusionMatrix(predicted, expected, 4)).toMatchObject({ classes: 4 });
  });

  it.each([
    ['macro', (1 + 1 / 2 + 1 / 2) / 3, (1 / 2 + 1 / 2 + 1) / 3, (2 / 3 + 1 / 2 + 2 / 3) / 3],
    ['weighted', (2 + 1 + 1 / 2) / 5, (1 + 1 + 1) / 5, (4 / 3 + 1 + 2 / 3) / 5],
    ['micro', 3 / 5, 3 / 5, 3 / 5],
  ] as const)('%s precision, recall and F1', (average, p, r, f) => {
    expect(precision(predicted, expected, average)).toBeCloseTo(p, 14);
    expect(recall(predicted, expected, average)).toBeCloseTo(r, 14);
    expect(f1(predicted, expected, average)).toBeCloseTo(f, 14);
  });

  it('binary scores are those of class 1', () => {
    const labels = [1, 1, 1, 0, 0];
    const predictions = [1, 0, 0, 1, 0];
    expect(precision(predictions, labels, 'binary')).toBe(1 / 2);
    expect(recall(predictions, labels, 'binary')).toBe(1 / 3);
    expect(f1(predictions, labels, 'binary')).toBe(2 / 5);
  });

  it.each([
    [[0], [0, 1], 'got 1 predictions and 2 labels'],
    [[], [], 'got 0 predictions and 0 labels'],
    [[0, -1], [0, 1], 'metric, row 1: expected a class number from 0, got -1'],
    [[0, 1], [0, 0.5], 'metric, row 1: expected a class number from 0, got 0.5'],
  ])('refuses %j against %j', (predictions, labels, message) => {
    expect(failure(() => accuracy(predictions, labels))).toContain(message);
  });

  it('refuses a class beyond the number given', () => {
    expect(failure(() => confusionMatrix([2], [0], 2))).toContain(
      'expected a class number from 0 to 1, got 2',
    );
  });
});

describe('properties', () => {
  const pairs = fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 1, maxLength: 40 });

  it('perfect predictions score 1, micro F1 is accuracy, weighted recall is accuracy', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const predicted = rows.map(([p]) => p);
        const expected = rows.map(([, e]) => e);
        const share = accuracy(predicted, expected);
        expect(f1(predicted, expected, 'micro')).toBeCloseTo(share, 12);
        expect(recall(predicted, expected, 'weighted')).toBeCloseTo(share, 12);
        expect(f1(expected, expected, 'macro')).toBeCloseTo(1, 12);
        expect(f1(predicted, expected, 'macro')).toBeCloseTo(f1(expected, predicted, 'macro'), 12);
      }),
    );
  });
});
