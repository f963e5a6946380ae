import { expect, test } from 'vitest';
import { remarksOn } from '../../../src/methods/gspf/remarks.ts';
import { accumulate, createStatistics } from '../../../src/methods/gspf/statistics.ts';

const usual = { head: 10, k: 100, bodyBudget: 90, selected: 100 };
const inBudget = { headInBudget: true };

test('a usual selection is not remarked on', () => {
  expect(remarksOn(usual, inBudget, null)).toEqual([]);
});

test('a head that takes the whole budget is, whether larger or as large', () => {
  const larger = { ...usual, k: 9, bodyBudget: 0, selected: 10 };
  expect(remarksOn(larger, inBudget, null)[0]).toMatch(/^The head has 10 weights, more than the budget of 9/);
  const asLarge = { ...usual, k: 10, bodyBudget: 0, selected: 10 };
  expect(remarksOn(asLarge, inBudget, null)[0]).toMatch(/^Nothing but the head is selected \(10 weights\)/);
  expect(remarksOn({ ...usual, k: 9 }, { headInBudget: false }, null)).toEqual([]);
});

test('tensors that no gradient reached are named, others counted', () => {
  const statistics = createStatistics(
    'absolute',
    new Map(['a', 'b', 'c', 'd', 'e'].map((name) => [name, 3])),
  );
  for (const name of statistics.tensors.keys()) {
    accumulate(statistics, name, Float32Array.of(0, name === 'b' ? 1e-30 : 0, 0));
  }
  expect(remarksOn(usual, inBudget, statistics)).toEqual([
    expect.stringMatching(
      /^No gradient reached a, c, d and 1 more tensors: all their sensitivities are zero\./,
    ),
  ]);
});
