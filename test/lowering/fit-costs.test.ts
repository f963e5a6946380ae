import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CostTiming, fitCosts } from '../../src/lowering/fit-costs.ts';
import { type SparseCosts, typicalCosts } from '../../src/lowering/sparse-costs.ts';

/** One timing for each cost, most with a node or two besides, and some that mix them. */
const units: readonly Partial<SparseCosts>[] = [
  { node: 256 },
  { operation: 1.2e9, node: 1 },
  { operation: 4.2e7, node: 1 },
  { pick: 1.1e5, node: 1 },
  { transpose: 7.8e5, node: 1 },
  { copy: 2e6, node: 1 },
  { multiply: 2e6, node: 1 },
  { reduce: 2e6, node: 1 },
  { multiply: 1e6, reduce: 1e6, node: 2 },
];

const timed = (costs: SparseCosts, noise: (i: number) => number = () => 1): CostTiming[] =>
  units.map((units, i) => ({
    units,
    nanoseconds:
      noise(i) *
      Object.entries(units).reduce((sum, [name, count]) => sum + count * costs[name as keyof SparseCosts], 0),
  }));

const someCosts = fc.record({
  operation: fc.double({ min: 1e-3, max: 0.1, noNaN: true }),
  pick: fc.double({ min: 0.1, max: 30, noNaN: true }),
  transpose: fc.double({ min: 0.1, max: 3, noNaN: true }),
  copy: fc.double({ min: 0.05, max: 3, noNaN: true }),
  multiply: fc.double({ min: 0.05, max: 3, noNaN: true }),
  reduce: fc.double({ min: 0.05, max: 3, noNaN: true }),
  node: fc.double({ min: 500, max: 8000, noNaN: true }),
});

describe('fitCosts', () => {
  test('finds the costs that exact timings were made with, to three digits', () => {
    fc.assert(
      fc.property(someCosts, (costs) => {
        const found = fitCosts(timed(costs));
        for (const [name, cost] of Object.entries(costs)) {
          expect(Math.abs(found[name as keyof SparseCosts] / cost - 1)).toBeLessThan(6e-3);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('is off by about as much as the timings are', () => {
    const noise = fc.array(fc.double({ min: 0.95, max: 1.05, noNaN: true }), {
      minLength: units.length,
      maxLength: units.length,
    });
    fc.assert(
      fc.property(someCosts, noise, (costs, factors) => {
        const found = fitCosts(timed(costs, (i) => factors[i]!));
        // These are much dearer than the node that comes with them.
        for (const name of ['operation', 'node', 'transpose', 'copy'] as const) {
          expect(Math.abs(found[name] / costs[name] - 1)).toBeLessThan(0.12);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('never finds a cost below zero, and leaves alone what no timing tells of', () => {
    const found = fitCosts([
      { units: { node: 100 }, nanoseconds: 1e6 },
      { units: { copy: 1000, node: 1 }, nanoseconds: 9000 },
    ]);
    expect(found.copy).toBe(0);
    // Between what the two say of it.
    expect(found.node).toBeGreaterThan(9000);
    expect(found.node).toBeLessThan(10_000);
    expect({ ...found, copy: typicalCosts.copy, node: typicalCosts.node }).toEqual(typicalCosts);
  });
});
