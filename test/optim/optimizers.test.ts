import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Indices, WeightArray } from '../../src/methods/selection.ts';
import { adamwStep, carryAdamWState, createAdamWState, decays, stepCounts } from '../../src/optim/adamw.ts';
import { clipFactor, globalNorm } from '../../src/optim/clip.ts';
import { sgdStep } from '../../src/optim/sgd.ts';
import { optimizerFixtures } from './fixtures.ts';

const fixtures = optimizerFixtures();

// Float32 weights of order 1 round by 6·10⁻⁸ at each of up to a dozen steps.
const precisions = [
  { precision: 'float64', array: Float64Array, tolerance: 1e-9 },
  { precision: 'float32', array: Float32Array, tolerance: 2e-6 },
] as const;

function expectClose(got: WeightArray, wanted: readonly number[], tolerance: number): void {
  expect(got.length).toBe(wanted.length);
  const worst = wanted.reduce((most, value, i) => Math.max(most, Math.abs(got[i]! - value)), 0);
  expect(worst).toBeLessThanOrEqual(tolerance);
}

if (fixtures === undefined) test.skip("torch's optimisers (left out: their fixtures are absent)", () => {});

describe.runIf(fixtures !== undefined).each(precisions)(
  'in $precision',
  ({ precision, array, tolerance }) => {
    test.each(['dense', 'denseWithDecay'] as const)('AdamW: %s', (table) => {
      const { settings, start, steps } = fixtures![table];
      const weights = array.from(start);
      const state = createAdamWState(start.length, precision);
      steps.forEach(({ lr, gradient, weight, m, v }, step) => {
        adamwStep(weights, 'all', array.from(gradient), state, {
          ...settings,
          lr,
          decay: settings.weightDecay,
          scale: 1,
        });
        expectClose(weights, weight, tolerance);
        expectClose(state.m, m, tolerance);
        expectClose(state.v, v, tolerance);
        expect(state.steps).toEqual([step + 1]);
      });
    });

    test('AdamW: weights that enter, leave and return', () => {
      const { settings, start, steps } = fixtures!.sparse;
      const size = start.length;
      const weights = array.from(start);
      let before: Int32Array | undefined;
      let state = createAdamWState(0, precision);
      for (const { lr, active, gradient, weight, stepCounts: counts } of steps) {
        const indices = Int32Array.from(active.flatMap((isActive, index) => (isActive ? [index] : [])));
        state = carryAdamWState(state, before, indices, size);
        before = indices;
        adamwStep(weights, indices, array.from([...indices].map((index) => gradient[index]!)), state, {
          ...settings,
          lr,
          decay: settings.weightDecay,
          scale: 1,
        });
        expectClose(weights, weight, tolerance);
        expect([...stepCounts(state)]).toEqual(Array.from(indices, (index) => counts[index]));
      }
      expect(weights[4]).toBe(array.from(start)[4]); // never active
    });

    test.each(fixtures?.sgd ?? [])('SGD: $settings', ({ settings, start, steps }) => {
      const weights = array.from(start);
      const velocity = settings.momentum === 0 ? null : new array(start.length);
      for (const { gradient, weight } of steps) {
        sgdStep(weights, 'all', array.from(gradient), velocity, {
          ...settings,
          decay: settings.weightDecay,
          scale: 1,
        });
        expectClose(weights, weight, tolerance);
      }
    });

    test.each(fixtures?.clip ?? [])(
      'clipping to $clipNorm',
      ({ clipNorm, norm, coefficient, gradients, clipped }) => {
        const arrays = Object.entries(gradients).map(([name, values]) => [name, array.from(values)] as const);
        const got = globalNorm(arrays.map(([, values]) => values));
        expect(Math.abs(got - norm)).toBeLessThanOrEqual(tolerance);
        const factor = clipFactor(got, clipNorm);
        expect(Math.abs(factor - coefficient)).toBeLessThanOrEqual(tolerance);
        for (const [name, values] of arrays) {
          expectClose(
            values.map((value) => value * factor),
            clipped[name]!,
            tolerance,
          );
        }
      },
    );
  },
);

test('null does not clip', () => {
  expect(clipFactor(1e9, null)).toBe(1);
  expect(globalNorm([])).toBe(0);
});

test('decay applies to matrices, not to vectors', () => {
  expect([[], [7], [3, 7], [3, 7, 2]].map(decays)).toEqual([false, false, true, true]);
});

const SIZE = 9;
const step = { lr: 0.05, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.1, scale: 0.5 };
const activeSets = fc.array(fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8]), { minLength: 1, maxLength: 8 });

/** Ascending indices, or `all` where they are all. */
const asIndices = (list: readonly number[]): Indices =>
  list.length === SIZE ? 'all' : Int32Array.from(list);

test('each weight moves as one alone in a tensor, from the moment it entered', () => {
  fc.assert(
    fc.property(
      activeSets,
      fc.infiniteStream(fc.double({ min: -1, max: 1, noNaN: true })),
      (sets, numbers) => {
        const draw = (): number => Number(numbers.next().value);
        const weights = Float64Array.from({ length: SIZE }, draw);
        const alone = Array.from(weights, (weight) => Float64Array.of(weight));
        const aloneStates = new Map<number, ReturnType<typeof createAdamWState>>();
        let state = createAdamWState(0, 'float64');
        let before: Indices | undefined;
        for (const list of sets) {
          const indices = asIndices(list);
          const gradients = Float64Array.from(list, draw);
          state = carryAdamWState(state, before, indices, SIZE);
          before = indices;
          adamwStep(weights, indices, gradients, state, step);
          for (const index of aloneStates.keys()) if (!list.includes(index)) aloneStates.delete(index);
          list.forEach((index, j) => {
            const own = aloneStates.get(index) ?? createAdamWState(1, 'float64');
            aloneStates.set(index, own);
            adamwStep(alone[index]!, 'all', gradients.subarray(j, j + 1), own, step);
          });
          expect(weights).toEqual(Float64Array.from(alone, ([weight]) => weight!));
          expect([...stepCounts(state)]).toEqual(list.map((index) => aloneStates.get(index)?.steps[0]));
        }
      },
    ),
  );
});

test('cohorts that emptied vanish, and a single one needs no numbers', () => {
  const first = createAdamWState(2);
  adamwStep(new Float32Array(4), Int32Array.of(0, 1), Float32Array.of(1, 1), first, step);
  const second = carryAdamWState(first, Int32Array.of(0, 1), Int32Array.of(1, 3), 4);
  expect(second.cohort).toEqual(Uint16Array.of(0, 1));
  expect(second.steps).toEqual([1, 0]);
  const third = carryAdamWState(second, Int32Array.of(1, 3), Int32Array.of(1), 4);
  expect(third.cohort).toBeNull();
  expect(third.steps).toEqual([1]);
  expect(third.m).toEqual(first.m.subarray(1));
});

test('SGD writes the active weights only, and scales gradients before the decay', () => {
  const weights = Float64Array.of(1, 2, 3);
  sgdStep(weights, Int32Array.of(1), Float64Array.of(4), null, {
    lr: 0.5,
    momentum: 0,
    nesterov: false,
    decay: 0.25,
    scale: 0.5,
  });
  expect([...weights]).toEqual([1, 2 - 0.5 * (4 * 0.5 + 0.25 * 2), 3]);
});
