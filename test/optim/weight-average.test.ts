import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Indices, Selection } from '../../src/methods/selection.ts';
import { WeightAverage } from '../../src/optim/weight-average.ts';

const SIZE = 6;
const value = fc.float({ min: -8, max: 8, noNaN: true });
const tensor = fc.array(value, { minLength: SIZE, maxLength: SIZE });
const indices: fc.Arbitrary<Indices> = fc.oneof(
  fc.constant('all' as const),
  fc
    .uniqueArray(fc.integer({ min: 0, max: SIZE - 1 }), { minLength: 1 })
    .map((list) => Int32Array.from(list).sort()),
);
const decay = fc.double({ min: 0, max: 0.999, noNaN: true });

const listOf = (places: Indices): readonly number[] =>
  places === 'all' ? [...Array(SIZE).keys()] : [...places];

function averageOf(weights: Float32Array, places: Indices, rate: number): WeightAverage {
  return new WeightAverage(rate, new Map([['w', places]]), () => weights);
}

describe('an average', () => {
  test('is the sum of the weights of all steps, each times what later steps left of it', () => {
    fc.assert(
      fc.property(
        decay,
        indices,
        fc.array(tensor, { minLength: 1, maxLength: 30 }),
        (rate, places, steps) => {
          const weights = new Float32Array(SIZE);
          const average = averageOf(weights, places, rate);
          for (const step of steps) {
            weights.set(step);
            average.follow();
          }
          // EMAModel of diffusers: (1 + s) / (10 + s) after s = t - 1 earlier steps, 0 for the first.
          const decays = steps.map((_, s) => (s === 0 ? 0 : Math.min(rate, (1 + s) / (10 + s))));
          const wanted = listOf(places).map((i) =>
            steps.reduce((sum, step, t) => {
              const left = decays.slice(t + 1).reduce((product, d) => product * d, 1);
              return sum + (1 - decays[t]!) * left * step[i]!;
            }, 0),
          );
          const got = average.averages.get('w')!;
          const worst = Math.max(...wanted.map((expected, j) => Math.abs(got[j]! - expected)));
          expect(worst).toBeLessThan(2e-5);
        },
      ),
    );
  });

  test('takes the place of the weights, and gives it back, bit for bit', () => {
    fc.assert(
      fc.property(decay, indices, tensor, tensor, (rate, places, first, second) => {
        const weights = Float32Array.from(first);
        const average = averageOf(weights, places, rate);
        average.follow();
        weights.set(second);
        average.follow();
        const [before, averages] = [weights.slice(), average.averages.get('w')!.slice()];
        average.swap();
        const swapped = before.slice();
        listOf(places).forEach((i, j) => {
          swapped[i] = averages[j]!;
        });
        expect(weights).toEqual(swapped);
        average.swap();
        expect(weights).toEqual(before);
        expect(average.averages.get('w')).toEqual(averages);
      }),
    );
  });

  test('stays with the weights that stay; those that enter begin with their value', () => {
    fc.assert(
      fc.property(indices, indices, tensor, tensor, (before, after, first, second) => {
        const weights = Float32Array.from(first);
        const average = averageOf(weights, before, 0.5);
        average.follow();
        weights.set(second);
        average.follow();
        const known = new Map(listOf(before).map((i, j) => [i, average.averages.get('w')![j]!]));
        const next: Selection = new Map<string, Indices>([['w', after]]);
        average.replace(next);
        expect([...average.averages.get('w')!]).toEqual(
          listOf(after).map((i) => known.get(i) ?? weights[i]!),
        );
        expect(weights).toEqual(Float32Array.from(second));
      }),
    );
  });
});
