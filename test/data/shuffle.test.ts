import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gaussian, permutation } from '../../src/data/shuffle.ts';
import { failure } from './failure.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const streamNumbers = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe('permutation', () => {
  it('holds every number once and follows from its arguments', () => {
    fc.assert(
      fc.property(fc.nat(200), seeds, streamNumbers, (n, seed, stream) => {
        const order = permutation(n, seed, stream);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, index) => index));
        expect(permutation(n, seed, stream)).toEqual(order);
      }),
    );
  });

  it('differs between neighbouring seeds and streams', () => {
    fc.assert(
      fc.property(seeds, streamNumbers, (seed, stream) => {
        const order = permutation(64, seed, stream);
        expect(permutation(64, (seed + 1) % 2 ** 32, stream)).not.toEqual(order);
        expect(permutation(64, seed, (stream + 1) % 2 ** 31)).not.toEqual(order);
      }),
    );
  });

  it('is fixed: a change of these orders would change every seeded run', () => {
    expect([...permutation(10, 0, 0)]).toMatchInlineSnapshot(`
      [
        0,
        9,
        8,
        3,
        2,
        4,
        6,
        5,
        7,
        1,
      ]
    `);
    expect([...permutation(10, 7, 16)]).toMatchInlineSnapshot(`
      [
        5,
        7,
        2,
        0,
        9,
        6,
        8,
        3,
        1,
        4,
      ]
    `);
  });

  it('puts every number in every place equally often', () => {
    const n = 5;
    const trials = 20_000;
    const counts = new Float64Array(n * n);
    for (let stream = 0; stream < trials; stream++) {
      for (const [place, value] of permutation(n, 1, stream).entries()) counts[place * n + value]! += 1;
    }
    const expected = trials / n;
    // Six standard deviations of a binomial count.
    const bound = 6 * Math.sqrt(expected * (1 - 1 / n));
    for (const count of counts) expect(Math.abs(count - expected)).toBeLessThan(bound);
  });

  it.each([-1, 0.5, 2 ** 32, Number.NaN])('refuses the seed %d', (seed) => {
    expect(failure(() => permutation(3, seed, 0))).toBe(
      `usage/option: seed: expected an integer from 0 to 4294967295, got ${seed}`,
    );
  });
});

describe('gaussian', () => {
  it('draws a standard normal distribution', () => {
    const n = 100_001;
    const values = gaussian(n, 3, 0);
    expect(values).toHaveLength(n);
    const moment = (power: number): number => values.reduce((sum, x) => sum + x ** power, 0) / n;
    // Six standard errors of each moment: √(1, 2, 15, 96) / √n.
    for (const [power, expected, variance] of [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ] as const) {
      expect(Math.abs(moment(power) - expected)).toBeLessThan(6 * Math.sqrt(variance / n));
    }
    const pairs = values.slice(0, -1).reduce((sum, x, index) => sum + x * values[index + 1]!, 0) / n;
    expect(Math.abs(pairs)).toBeLessThan(6 / Math.sqrt(n));
  });

  it('follows from its arguments, and a shorter draw is the beginning of a longer one', () => {
    fc.assert(
      fc.property(fc.nat(50), seeds, streamNumbers, (n, seed, stream) => {
        const values = gaussian(n, seed, stream);
        expect(values.every(Number.isFinite)).toBe(true);
        expect(gaussian(n + 1, seed, stream).subarray(0, n)).toEqual(values);
      }),
    );
    expect(gaussian(4, 1, 0)).not.toEqual(gaussian(4, 1, 1));
    expect(gaussian(4, 1, 0)).not.toEqual(gaussian(4, 2, 0));
  });
});
