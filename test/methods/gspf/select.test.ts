import { expect, test } from 'vitest';
import { readScores } from '../../../src/methods/gspf/mix.ts';
import type { BudgetOptions, Selected } from '../../../src/methods/gspf/select.ts';
import { select } from '../../../src/methods/gspf/select.ts';
import { failure } from '../../data/failure.ts';

const options: BudgetOptions = {
  ratio: 0.25,
  head: 'always',
  headInBudget: true,
  scope: 'global',
  granularity: 'element',
};

// Twenty weights: 2 × 6 and 2 × 3 of the body, 2 of the head.
const shapes = { 'a.w': [2, 6], 'b.w': [2, 3], head: [2] };
const scores = new Map([
  ['a.w', Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)],
  ['b.w', Float64Array.of(6, 6, 6, 13, 13, 0)],
  ['head', Float64Array.of(-1, -2)],
]);

function run(
  changes: Partial<BudgetOptions>,
  names: readonly (keyof typeof shapes)[] = ['a.w', 'b.w', 'head'],
): Selected {
  const tensors = names.map((name) => ({ name, shape: shapes[name] }));
  return select(tensors, ['head'], readScores(scores), { ...options, ...changes });
}

test('k = ⌊0.25 · 20⌋: two of the head and the three best of the body', () => {
  const got = run({});
  expect(got).toMatchObject({ eligible: 20, k: 5, head: 2, bodyBudget: 3, selected: 5 });
  expect(got.selection).toEqual(
    new Map<string, unknown>([
      ['a.w', Int32Array.of(11)],
      ['b.w', Int32Array.of(3, 4)],
      ['head', 'all'],
    ]),
  );
  expect(got.units).toEqual([{ name: 'all', budget: 3, taken: 3, threshold: 12, next: 11 }]);
});

test('a tensor taken whole is `all`, and a ratio of 1 takes everything', () => {
  expect([...run({ ratio: 1 }).selection.values()]).toEqual(['all', 'all', 'all']);
  expect(run({ ratio: 1, headInBudget: false })).toMatchObject({ bodyBudget: 18, selected: 20 });
});

test('at least one weight, and ⌊p·P⌋ in doubles', () => {
  expect(run({ ratio: 1e-9, head: 'compete' })).toMatchObject({ k: 1, selected: 1, perTensor: { 'b.w': 1 } });
  // 0.29 · 100 is 28.999… in doubles.
  const tensors = [{ name: 'w', shape: [100] }];
  const got = select(tensors, [], readScores(new Map([['w', new Float64Array(100)]])), {
    ...options,
    ratio: 0.29,
  });
  expect(got.k).toBe(28);
});

test('groups: the smaller ones may follow one that does not fit, the best is taken where none fits', () => {
  // Row means: a.w 3.5 and 9.5 of six, b.w 6 and 26/3 of three; the budget of seven fits a.w's second row only.
  const seven = run({ granularity: 'row', ratio: 0.35, head: 'compete' }, ['a.w', 'b.w', 'head']);
  expect(seven.perTensor).toEqual({ 'a.w': 6, head: 1 });
  expect(seven.units).toEqual([{ name: 'all', budget: 7, taken: 7, threshold: -1, next: 26 / 3 }]);

  const two = run({ granularity: 'row', ratio: 0.15 }, ['a.w', 'b.w']);
  expect(two.k).toBe(2);
  expect(two.perTensor).toEqual({ 'a.w': 6 });
  expect(two.units).toEqual([{ name: 'all', budget: 2, taken: 6, threshold: 9.5, next: 26 / 3 }]);
});

test('a head alone', () => {
  expect(run({}, ['head'])).toMatchObject({ k: 1, head: 2, bodyBudget: 0, selected: 2, units: [] });
});

test('no eligible weights are an error', () => {
  expect(failure(() => run({}, []))).toContain('usage/option');
});
