import { expect, test } from 'vitest';
import { schedule } from '../../src/optim/schedule.ts';
import { scheduleFixtures } from './fixtures.ts';

const fixtures = scheduleFixtures();

if (fixtures === undefined)
  test.skip("transformers' schedules (left out: their fixtures are absent)", () => {});

test.each(fixtures ?? [])(
  '$kind over $steps steps, ratio $warmupRatio',
  ({ factors, risingSteps, steps, ...options }) => {
    const factor = schedule(options, steps);
    const got = factors.map((_, step) => factor(step));
    got.forEach((value, step) => {
      expect(Math.abs(value - factors[step]!)).toBeLessThanOrEqual(1e-12);
    });
    expect(factors.length).toBe(steps);
    if (risingSteps > 0 && risingSteps < steps) expect(got.indexOf(1)).toBe(risingSteps);
  },
);

test('past the end the factor stays where it ended', () => {
  expect(schedule({ kind: 'linear', warmupRatio: 0 }, 10)(15)).toBe(0);
  expect(schedule({ kind: 'cosine', warmupRatio: 0.5 }, 10)(15)).toBe(0);
  expect(schedule({ kind: 'constant', warmupRatio: 1 }, 4)(4)).toBe(1);
});
