import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena } from '../../src/optim/arena.ts';
import { optimizerFixtures } from './fixtures.ts';

const fixtures = optimizerFixtures();

/** Weights, gradients and both moments in one arena. */
function arenaOf(values: readonly (readonly number[])[]): { arena: Arena; arrays: Float32Array[] } {
  const arena = new Arena(values.map(({ length }) => length));
  const arrays = values.map((list) => {
    const array = arena.array(list.length);
    array.set(list);
    return array;
  });
  return { arena, arrays };
}

if (fixtures === undefined) test.skip("torch's AdamW (left out: its fixtures are absent)", () => {});

test.runIf(fixtures !== undefined).each(['dense', 'denseWithDecay'] as const)('AdamW: %s', (table) => {
  const { settings, start, steps } = fixtures![table];
  const zeros = start.map(() => 0);
  const { arena, arrays } = arenaOf([start, zeros, zeros, zeros]);
  const [weights, gradients, m, v] = arrays;
  const { beta1, beta2, epsilon, weightDecay } = settings;
  steps.forEach((wanted, step) => {
    gradients!.set(wanted.gradient);
    arena.adamw(weights!, gradients!, m!, v!, {
      beta1,
      beta2,
      epsilon,
      rate: wanted.lr / (1 - beta1 ** (step + 1)),
      correction: 1 / Math.sqrt(1 - beta2 ** (step + 1)),
      decay: wanted.lr * weightDecay,
      scale: 1,
    });
    for (const [got, list] of [
      [weights!, wanted.weight],
      [m!, wanted.m],
      [v!, wanted.v],
    ] as const) {
      list.forEach((value, i) => {
        expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(2e-6);
      });
    }
  });
});

const values = fc.float({ min: -4, max: 4, noNaN: true });
const lists = fc.integer({ min: 1, max: 23 }).chain((length) => {
  const list = fc.array(values, { minLength: length, maxLength: length });
  return fc.tuple(list, list, list);
});
const factors = {
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  rate: 0.02,
  correction: 3,
  decay: 1e-4,
  scale: 0.5,
};

test('the forms without gradient are AdamW with a gradient of zeros, to the bit', () => {
  fc.assert(
    fc.property(lists, fc.boolean(), ([start, first, second], hasMoments) => {
      const zeros = start.map(() => 0);
      const m = hasMoments ? first : zeros;
      const v = hasMoments ? second.map((x) => x ** 2) : zeros;
      const plain = arenaOf([start, zeros, m, v]);
      const [weights, gradients, m1, v1] = plain.arrays;
      plain.arena.adamw(weights!, gradients!, m1!, v1!, factors);
      const idle = arenaOf([start, m, v]);
      idle.arena.adamwIdle(idle.arrays[0]!, idle.arrays[1]!, idle.arrays[2]!, factors);
      expect(idle.arrays).toEqual([weights, m1, v1]);
      if (hasMoments) return;
      const untouched = arenaOf([start]);
      untouched.arena.adamwUntouched(untouched.arrays[0]!, factors);
      expect(untouched.arrays[0]).toEqual(weights);
    }),
  );
});

test('each value moves by its own numbers only, wherever an array ends', () => {
  fc.assert(
    fc.property(lists, ([start, gradients, moments]) => {
      const squares = moments.map((x) => x ** 2);
      const { arena, arrays } = arenaOf([start, gradients, moments, squares]);
      arena.adamw(arrays[0]!, arrays[1]!, arrays[2]!, arrays[3]!, factors);
      start.forEach((weight, i) => {
        const one = arenaOf([[weight], [gradients[i]!], [moments[i]!], [squares[i]!]]);
        one.arena.adamw(one.arrays[0]!, one.arrays[1]!, one.arrays[2]!, one.arrays[3]!, factors);
        expect(arrays.map((array) => array[i])).toEqual(one.arrays.map((array) => array[0]));
      });
    }),
  );
});

test('sums of squares are those of float64', () => {
  fc.assert(
    fc.property(lists, ([, list]) => {
      const { arena, arrays } = arenaOf([[9, 9, 9], list]);
      const wanted = Array.from(Float32Array.from(list)).reduce((sum, x) => sum + x * x, 0);
      expect(Math.abs(arena.sumOfSquares(arrays[1]!) - wanted)).toBeLessThanOrEqual(1e-12 * wanted);
    }),
  );
});
