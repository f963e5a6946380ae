import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaussian } from '../../../src/data/shuffle.ts';
import { readScores } from '../../../src/methods/gspf/mix.ts';
import { createScores } from '../../../src/methods/gspf/scores.ts';
import { budgetOf, listFor, select } from '../../../src/methods/gspf/select.ts';
import { shortlist } from '../../../src/methods/gspf/shortlist.ts';
import type { Candidates } from '../../../src/methods/gspf/take.ts';
import { resolveOptions } from '../../../src/options/resolve.ts';

const options = {
  ratio: 0.3,
  head: 'compete',
  headInBudget: true,
  scope: 'global',
  granularity: 'element',
} as const;

/** The best k of these tensors by sorting all their scores, ties in order; in order of tensors and indices. */
function bySorting(tensors: readonly (readonly number[])[], k: number): [string, number[]][] {
  const all = tensors.flatMap((scores, t) => scores.map((score, i) => ({ t, i, score })));
  const best = all.sort((a, b) => b.score - a.score).slice(0, k);
  return tensors
    .map((_, t): [string, number[]] => [
      `t${t}`,
      best
        .filter((one) => one.t === t)
        .map(({ i }) => i)
        .sort((a, b) => a - b),
    ])
    .filter(([, taken]) => taken.length > 0);
}

test('one list serves the choice from the first tensors, however many: property against sorting', () => {
  const score = fc.oneof(fc.constantFrom(0, -0, 1, -1, 2, 1.0001), fc.double({ noNaN: true }));
  const fields = fc.array(fc.array(score, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fields, fc.double({ min: 0.01, max: 1, noNaN: true }), (scores, ratio) => {
      const tensors = scores.map(({ length }, t) => ({ name: `t${t}`, shape: [length] }));
      const scorer = readScores(new Map(scores.map((each, t) => [`t${t}`, Float64Array.from(each)])));
      const eligible = scores.flat().length;
      const listed = listFor(tensors, scorer, { ...options, ratio }, eligible);
      expect(listed).toBeInstanceOf(Map);
      for (let some = 1; some <= tensors.length; some++) {
        const first = tensors.slice(0, some);
        const got = select(first, [], scorer, { ...options, ratio }, eligible, listed);
        expect(got).toEqual(select(first, [], scorer, { ...options, ratio }, eligible, null));
        const taken = [...got.selection].map(([name, indices]) => [
          name,
          indices === 'all' ? scores[Number(name.slice(1))]!.map((_, i) => i) : [...indices],
        ]);
        expect(taken).toEqual(bySorting(scores.slice(0, some), budgetOf(ratio, eligible)));
      }
    }),
    { numRuns: 300 },
  );
});

/** Candidates and scores of the default kind: many pieces, most scores far below the best. */
const size = 300_000;
const candidates: readonly Candidates[] = [{ tensor: 'w', count: size, size: 1 }];
const theta = new Map([['w', Float32Array.from(gaussian(size, 1, 0))]]);
const { scorer } = createScores(resolveOptions({}, { task: 'sst2' }).options.score, {
  statistics: {
    measure: 'absolute',
    tensors: new Map([
      ['w', { sum: Float32Array.from(gaussian(size, 2, 0), (x) => Math.abs(x) ** 3), batches: 3 }],
    ]),
  },
  current: theta,
  pretrained: theta,
  sizes: new Map([['w', size]]),
  seed: 0,
  round: 0,
});

test('scores that need not be exact are below, the others as ever; a list is short and misses none of the best', () => {
  const exact = new Float64Array(size);
  scorer('w', 0, exact);
  const best = exact.slice().sort().reverse();
  for (const most of [1, 300, 3000]) {
    const least = best[most - 1]!;
    const rough = new Float64Array(size);
    scorer('w', 0, rough, least);
    expect(exact.every((score, i) => (score < least ? rough[i]! < least : rough[i] === score))).toBe(true);
    const { numbers, scores } = shortlist(candidates, scorer, most)!.get('w')!;
    expect(numbers.length).toBeLessThan(size / 16);
    expect([...scores]).toEqual([...numbers].map((i) => exact[i]));
    expect(scores.filter((score) => score >= least)).toHaveLength(most);
  }
});

test('no list of groups, nor of more candidates than memory is wanted for', () => {
  expect(shortlist([{ tensor: 'w', count: size, size: () => 1 }], scorer, 1)).toBeNull();
  expect(shortlist(candidates, scorer, size / 2)).toBeNull();
});
