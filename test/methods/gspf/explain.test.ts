import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../../../src/methods/gspf/explain.ts';
import type { ScoreTable } from '../../../src/methods/gspf/score-table.ts';
import { resolveOptions } from '../../../src/options/resolve.ts';
import { failure } from '../../data/failure.ts';

const { score, select } = resolveOptions({}, { task: 'text-classification' }).options;

/** Sums over four batches, 2 × 3 and 4 weights, and a head of two. */
const table: ScoreTable = {
  score,
  select: { ...select, ratio: 0.5 },
  seed: 0,
  eligibleWeights: 12,
  head: ['head'],
  tensors: new Map([
    [
      'a',
      {
        shape: [2, 3],
        theta: Float32Array.of(1, -2, 0.5, 0, 3, 1),
        sum: Float32Array.of(4, 8, 0, 2, 1, 16),
        batches: 4,
      },
    ],
    [
      'b',
      {
        shape: [4],
        theta: Float32Array.of(0.1, 0.2, 0.3, 0.4),
        sum: Float32Array.of(20, 4, 4, 0),
        batches: 4,
      },
    ],
    ['head', { shape: [2], theta: Float32Array.of(0.02, 0.01), sum: Float32Array.of(1, 1), batches: 4 }],
  ]),
  below: new Set(),
  left: new Map([['key.bias', { shape: [3], reason: 'its gradient is zero by construction' }]]),
};

/** S = sum / 4 and μ, σ over all twelve, in plain arithmetic. */
const S = [1, 2, 0, 0.5, 0.25, 4, 5, 1, 1, 0, 0.25, 0.25];
const mean = S.reduce((a, b) => a + b) / 12;
const deviation = Math.sqrt(S.reduce((sum, s) => sum + (s - mean) ** 2, 0) / 12);
const theta = [1, 2, 0.5, 0, 3, 1, 0.1, 0.2, 0.3, 0.4].map(Math.fround);
const scores = theta.map((value, i) => ((S[i]! - mean) / deviation) * Math.tanh(value));
const inOrder = scores.map((value, i) => ({ value, i })).sort((x, y) => y.value - x.value || x.i - y.i);

describe('a weight', () => {
  const explainer = new Explainer(table);

  test.each(scores.map((value, i) => [i, value] as const))(
    'number %i has S, z, S̃, rank and threshold',
    (i, value) => {
      const [name, position] =
        i < 6 ? (['a', [Math.floor(i / 3), i % 3]] as const) : (['b', [i - 6]] as const);
      const found = explainer.weight(name, position);
      const rank = inOrder.findIndex((entry) => entry.i === i) + 1;
      expect(found).toMatchObject({ tensor: name, position, measure: 'absolute', S: S[i], rank });
      expect(found.z).toBeCloseTo((S[i]! - mean) / deviation, 12);
      expect(found.score).toBeCloseTo(value, 12);
      // k = 6, of which the head takes 2.
      expect(found.selected).toBe(rank <= 4);
      expect(found.unit).toMatchObject({ budget: 4, candidates: 10 });
      expect(found.unit?.threshold).toBeCloseTo(inOrder[3]!.value, 12);
      expect(found.reason.startsWith(rank <= 4 ? 'Selected' : 'Not selected')).toBe(true);
    },
  );

  test('may be given by a flat index', () => {
    expect(explainer.weight('a', [5])).toEqual(explainer.weight('a', [1, 2]));
  });

  test('of the head is selected whatever its score, one that is not eligible never is', () => {
    expect(explainer.weight('head', [0])).toMatchObject({ selected: true, rank: null, S: 0.25 });
    expect(explainer.weight('key.bias', [2])).toMatchObject({
      selected: false,
      reason: 'Not eligible: its gradient is zero by construction.',
    });
  });

  test('below the frontier that was chosen is scored, but neither selected nor in the way of others', () => {
    const above = new Explainer({ ...table, below: new Set(['a']) });
    expect(above.weight('a', [1, 2])).toMatchObject({ selected: false, rank: null, S: 4 });
    expect(above.weight('a', [1, 2]).reason).toContain('below the frontier');
    expect(above.weight('b', [3])).toMatchObject({ selected: true, unit: { candidates: 4 } });
    expect(above.tensor('a').reason).toContain('below the frontier');
  });

  test('that is not there is named', () => {
    expect(failure(() => explainer.weight('heat', [0]))).toContain('Did you mean "head"?');
    expect(failure(() => explainer.weight('a', [2, 0]))).toContain('2 numbers below [2,3], or one below 6');
  });
});

test('a tensor shows its best weights', () => {
  const found = new Explainer(table).tensor('b', 2);
  expect(found).toMatchObject({ weights: 4, meanS: 1.75, largestS: 5 });
  const best = inOrder.filter(({ i }) => i >= 6).slice(0, 2);
  expect(found.best.map(({ position }) => position[0])).toEqual(best.map(({ i }) => i - 6));
  expect(found.selected).toBe(inOrder.slice(0, 4).filter(({ i }) => i >= 6).length);
});

test('groups are ranked by their means', () => {
  const rows = { ...table, select: { ...table.select, granularity: 'row' as const } };
  const found = new Explainer(rows).weight('a', [1, 0]);
  expect(found.score).toBeCloseTo((scores[3]! + scores[4]! + scores[5]!) / 3, 12);
  expect(found.unit?.candidates).toBe(2 + 4);
});

test('ranks follow from selected: property over scopes and budgets', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('global', 'tensor', 'layer' as const),
      fc.double({ min: 0.2, max: 1, noNaN: true }),
      fc.array(fc.nat(9), { minLength: 10, maxLength: 10 }),
      (scope, ratio, sums) => {
        const tensors = new Map(table.tensors);
        tensors.set('a', { ...tensors.get('a')!, sum: Float32Array.from(sums.slice(0, 6)) });
        tensors.set('b', { ...tensors.get('b')!, sum: Float32Array.from(sums.slice(6)) });
        const explainer = new Explainer({ ...table, tensors, select: { ...select, ratio, scope } });
        for (const [name, size] of [
          ['a', 6],
          ['b', 4],
        ] as const) {
          for (let i = 0; i < size; i++) {
            const { selected, rank, unit } = explainer.weight(name, [i]);
            expect(selected).toBe((rank ?? Infinity) <= (unit?.budget ?? 0));
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});
