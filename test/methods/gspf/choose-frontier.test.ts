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
  leastLowerMass = 0,
): FrontierField {
  const scorer = readScores(new Map(names.map((name, i) => [name, Float64Array.from(scores[i]!)])));
  return {
    tensors,
    whole: new Set(),
    depths,
    operations: { forward: new Map(forward.map((F, i) => [places[i]!, F])), tokens: 0, prefixShare: 1 },
    leastMass,
    leastLowerMass,
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
      fc.constantFrom(0, 0.1, 0.5, 1),
      (scores, k, forward, leastMass, leastLowerMass) => {
        const field = fieldOf(scores, k, forward, leastMass, leastLowerMass);
        const { frontier, selected } = chooseFrontier(field);
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
        // Of three layers the middle is that of layer 1: its second half and what follows lie above.
        const upper = tried[3]!;
        const lost = most.mass - upper.mass;
        const lowerShare = (mass: number): number => (lost === 0 ? 1 : Math.max(0, mass - upper.mass) / lost);
        const allowed = tried.filter(
          ({ mass }) => mass >= leastMass * most.mass && lowerShare(mass) >= leastLowerMass,
        );
        const worth = Math.max(...allowed.map((entry) => entry.worth));
        const chosen = tried[places.indexOf(frontier.layer ?? -1)]!;
        expect(allowed).toContain(chosen);
        expect(chosen.worth).toBeCloseTo(worth, 12);
        expect(selected.mass).toBeCloseTo(chosen.mass, 9);
        expect(frontier.massKept).toBeCloseTo(most.mass === 0 ? 1 : chosen.mass / most.mass, 12);
        expect(frontier.lowerMassKept).toBeCloseTo(lowerShare(chosen.mass), 12);
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

test('what the upper layers have does not move the frontier that keeps a share of the lower half', () => {
  // The layers have the same scores each time, the head ever more.
  const forward = [1, 1, 1, 1, 1, 1];
  const layersFor = (leastMass: number, leastLowerMass: number): (number | null)[] =>
    [10, 100, 1000].map((head) => {
      const scores = [1, 2, 3, 4, 5, head].map((score) => new Array<number>(6).fill(score));
      return chooseFrontier(fieldOf(scores, 36, forward, leastMass, leastLowerMass)).frontier.layer;
    });
  expect(layersFor(0, 0.4)).toEqual([1, 1, 1]);
  expect(new Set(layersFor(0.7, 0)).size).toBeGreaterThan(1);
});
