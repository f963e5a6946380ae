import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseFrontier, type FrontierField } from '../../../src/methods/gspf/choose-frontier.ts';
import { readScores } from '../../../src/methods/gspf/mix.ts';
import { select } from '../../../src/methods/gspf/select.ts';

const layers = 3;
/** A tensor of one row of six weights at each of these depths: embeddings to head, one layer in two halves. */
const names = ['embeddings', 'layer.0', 'layer.1', 'layer.1.more', 'layer.2', 'top'];
const places = [-1, 0, 1, 1.5, 2, 3];
const tensors = names.map((name) => ({ name, shape: [6] }));
const depths = { layers, of: (name: string) => places[names.indexOf(name)]! };
const options = {
  ratio: 1,
  head: 'compete',
  headInBudget: true,
  scope: 'global',
  granularity: 'element',
} as const;

function fieldOf(
  scores: readonly (readonly number[])[],
  k: number,
  forward: readonly number[],
  leastMass: number,
): FrontierField {
  const scorer = readScores(new Map(names.map((name, i) => [name, Float64Array.from(scores[i]!)])));
  return {
    tensors,
    whole: new Set(),
    depths,
    operations: { forward: new Map(forward.map((F, i) => [places[i]!, F])), tokens: 0, prefixShare: 1 },
    leastMass,
    selectFrom: (some) => select(some, [], scorer, { ...options, ratio: k / 36 }, 36),
  };
}

test('of all frontiers it takes the one with the most mass an operation: property against trying each', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: -3, max: 20 }), { minLength: 6, maxLength: 6 }), {
        minLength: 6,
        maxLength: 6,
      }),
      fc.integer({ min: 1, max: 30 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 6, maxLength: 6 }),
      fc.constantFrom(0, 0.5, 0.85, 1),
      (scores, k, forward, leastMass) => {
        const { frontier, selected } = chooseFrontier(fieldOf(scores, k, forward, leastMass));
        const tried = names.map((_, i) => {
          const best = scores
            .slice(i)
            .flat()
            .sort((a, b) => b - a)
            .slice(0, k);
          const mass = best.reduce((sum, score) => sum + Math.max(0, score), 0);
          const cost = forward.reduce((sum, F, d) => sum + (d < i ? F : 2 * F), 0);
          return { i, mass, cost, worth: mass / cost };
        });
        const most = tried[0]!;
        const allowed = tried.filter(({ mass }) => mass >= leastMass * most.mass);
        const worth = Math.max(...allowed.map((entry) => entry.worth));
        const chosen = tried[places.indexOf(frontier.layer ?? -1)]!;
        expect(allowed).toContain(chosen);
        expect(chosen.worth).toBeCloseTo(worth, 12);
        expect(selected.mass).toBeCloseTo(chosen.mass, 9);
        expect(frontier.massKept).toBeCloseTo(most.mass === 0 ? 1 : chosen.mass / most.mass, 12);
        expect(frontier.saving).toBeCloseTo(1 - chosen.cost / most.cost, 12);
        expect(Object.keys(selected.perTensor).every((name) => names.indexOf(name) >= chosen.i)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});

test('what is trained whole is never left out', () => {
  const scores = names.map((_, i) => new Array<number>(6).fill(i));
  const field = { ...fieldOf(scores, 6, [1, 1, 1, 1, 1, 1], 0), whole: new Set(['layer.1.more']) };
  expect(chooseFrontier(field).frontier.layer).toBe(1.5);
});
