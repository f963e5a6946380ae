import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepScores, mixScores, readScores } from '../../../src/methods/gspf/mix.ts';
import type { ScoreInputs, Scores } from '../../../src/methods/gspf/scores.ts';
import { createScores } from '../../../src/methods/gspf/scores.ts';
import type { Measure } from '../../../src/methods/gspf/statistics.ts';
import { accumulate, createStatistics, momentsOf } from '../../../src/methods/gspf/statistics.ts';
import type { ScoreOptions } from '../../../src/options/options.ts';
import { failure } from '../../data/failure.ts';

const options: ScoreOptions = {
  kind: 'gspf',
  normalize: 'global',
  negative: 'literal',
  magnitude: 'tanh',
  reference: 'current',
};

const sizes = new Map([['w', 2]]);
const weights = new Map([['w', Float64Array.of(0.5, -2)]]);
const others = { current: weights, pretrained: weights, sizes, seed: 0, round: 0 };

/** Scores of θ = (0.5, −2) after gradients (1, −4), (3, 2). */
function scoresOf(
  changes: Partial<ScoreOptions>,
  measure: Measure | null,
  inputs: Partial<ScoreInputs> = {},
): number[] {
  const statistics = measure === null ? null : createStatistics(measure, sizes, 'float64');
  if (statistics !== null) {
    accumulate(statistics, 'w', Float64Array.of(1, -4));
    accumulate(statistics, 'w', Float64Array.of(3, 2));
  }
  return read(createScores({ ...options, ...changes }, { statistics, ...others, ...inputs }), 'w', 2);
}

function read({ scorer }: Scores, tensor: string, length: number, start = 0): number[] {
  const out = new Float64Array(length);
  scorer(tensor, start, out);
  return [...out];
}

// S = (2, 3), Σg²/T = (5, 10), ḡ = (2, −1); μ = 2.5, σ = 0.5, z = (−1, 1).
test.each<[Partial<ScoreOptions>, Measure | null, number[]]>([
  [{}, 'absolute', [-Math.tanh(0.5), Math.tanh(2)]],
  [{ negative: 'clamp' }, 'absolute', [0, Math.tanh(2)]],
  [{ normalize: 'none' }, 'absolute', [2 * Math.tanh(0.5), 3 * Math.tanh(2)]],
  [{ magnitude: 'none' }, 'absolute', [-1, 1]],
  [{ magnitude: 'inverse' }, 'absolute', [-1 / (Math.tanh(0.5) + 1e-6), 1 / (Math.tanh(2) + 1e-6)]],
  [{ kind: 'gradient' }, 'absolute', [2, 3]],
  [{ kind: 'fisher' }, 'square', [5, 10]],
  [{ kind: 'snip' }, 'signed', [1, 2]],
  [{ kind: 'taylor' }, 'square', [1.25, 40]],
  [{ kind: 'magnitude' }, null, [0.5, 2]],
  [{ kind: 'relative' }, 'absolute', [2 / (0.5 + 1e-6), 3 / (2 + 1e-6)]],
  [{ kind: 'movement' }, 'signed', [-1, -2]],
  [{ kind: 'grasp' }, 'hessian', [1, 2]],
])('%o of %s', (changes, measure, wanted) => {
  const got = scoresOf(changes, measure);
  wanted.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, 14);
  });
});

test('`reference` picks the weights', () => {
  const pretrained = new Map([['w', Float64Array.of(7, 8)]]);
  expect(scoresOf({ kind: 'magnitude', reference: 'pretrained' }, null, { pretrained })).toEqual([7, 8]);
});

test('z is 0 where all S are equal, and so is σ', () => {
  const statistics = createStatistics('absolute', new Map([['w', 3]]), 'float64');
  // A computed σ of 0.1, 0.1, 0.1 would not be 0.
  accumulate(statistics, 'w', Float64Array.of(0.1, -0.1, 0.1));
  expect(momentsOf(statistics.tensors)).toEqual({ mean: 0.1, deviation: 0 });
  const three = new Map([['w', Float64Array.of(1, 2, 3)]]);
  const scores = createScores(options, { ...others, statistics, current: three, sizes: new Map([['w', 3]]) });
  expect(read(scores, 'w', 3)).toEqual([0, 0, 0]);
});

test('each tensor has its own number of batches', () => {
  const statistics = createStatistics(
    'absolute',
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  );
  accumulate(statistics, 'a', Float32Array.of(3));
  accumulate(statistics, 'a', Float32Array.of(5));
  accumulate(statistics, 'b', Float32Array.of(-6));
  expect(momentsOf(statistics.tensors)).toEqual({ mean: 5, deviation: 1 });
});

test('sums and scores that cannot be made are errors', () => {
  const unmeasured = createStatistics('absolute', sizes);
  expect(failure(() => createScores(options, { ...others, statistics: unmeasured }))).toContain(
    'usage/option',
  );
  expect(
    failure(() => createScores({ ...options, kind: 'fisher' }, { ...others, statistics: unmeasured })),
  ).toContain('of the measure square, got absolute');
  expect(failure(() => accumulate(unmeasured, 'v', Float32Array.of(1)))).toContain('usage/option');
  const diverged = createStatistics('absolute', sizes);
  accumulate(diverged, 'w', Float32Array.of(1, Number.POSITIVE_INFINITY));
  const error = failure(() => createScores(options, { ...others, statistics: diverged }));
  expect(error).toContain('training/diverged');
  expect(error).toContain('"w"');
});

test('random scores are all different, follow from the position in the model, and change with the round', () => {
  const size = 70_000;
  const both = new Map([
    ['z', 3],
    ['a', size],
  ]);
  const current = new Map([
    ['z', new Float32Array(3)],
    ['a', new Float32Array(size)],
  ]);
  const inputs = { statistics: null, current, pretrained: current, sizes: both, seed: 3 };
  const first = createScores({ ...options, kind: 'random' }, { ...inputs, round: 0 });
  const a = read(first, 'a', size);
  expect(new Set(a).size).toBe(size);
  expect(Math.min(...a.slice(0, 1000))).toBeGreaterThanOrEqual(0);
  expect(Math.max(...a.slice(0, 1000))).toBeLessThan(1);
  expect(read(first, 'a', 5, 60_000)).toEqual(a.slice(60_000, 60_005));
  // z follows a, so it continues where one long tensor would.
  const long = new Map([['a', new Float32Array(size + 3)]]);
  const whole = createScores(
    { ...options, kind: 'random' },
    { ...inputs, current: long, pretrained: long, sizes: new Map([['a', size + 3]]), round: 0 },
  );
  expect(read(whole, 'a', 3, size)).toEqual(read(first, 'z', 3));
  // Seed 3, round 1 is seed 4, round 0.
  const later = createScores({ ...options, kind: 'random' }, { ...inputs, round: 1 });
  const sooner = createScores({ ...options, kind: 'random' }, { ...inputs, seed: 4, round: 0 });
  expect(read(later, 'a', 9)).toEqual(read(sooner, 'a', 9));
  expect(read(later, 'a', 9)).not.toEqual(a.slice(0, 9));
});

test('mixing is an exponential moving average of whole tensors', () => {
  fc.assert(
    fc.property(
      fc.float64Array({ min: -1e6, max: 1e6, noNaN: true, minLength: 1, maxLength: 9 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (old, alpha) => {
        const fresh = old.map((value, i) => i - value);
        const kept = keepScores(new Map([['w', old.length]]), readScores(new Map([['w', old]])), 'float64');
        expect(kept.get('w')).toEqual(old.map((value) => value + 0));
        mixScores(kept, readScores(new Map([['w', fresh]])), alpha);
        kept.get('w')?.forEach((value, i) => {
          expect(value).toBeCloseTo(alpha * old[i]! + (1 - alpha) * fresh[i]!, 8);
        });
      },
    ),
  );
});

test('mixtures by hand, over more than one piece', () => {
  const size = 150_000;
  const scorer = readScores(new Map([['w', Float64Array.from({ length: size }, (_, i) => i)]]));
  const kept = keepScores(new Map([['w', size]]), scorer);
  expect(kept.get('w')).toBeInstanceOf(Float32Array);
  mixScores(kept, readScores(new Map([['w', new Float64Array(size).fill(10)]])), 0.25);
  expect([0, 2, size - 1].map((i) => kept.get('w')?.[i])).toEqual([7.5, 8, (size - 1) / 4 + 7.5]);
  expect(failure(() => scorer('v', 0, new Float64Array(1)))).toContain('usage/option');
});
