import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paddedLength } from '../../src/data/padded-length.ts';
import { padTo, runLengths, type Unpadded } from '../../src/data/run-lengths.ts';

const batchLists = fc.array(
  fc.record({ rows: fc.integer({ min: 1, max: 40 }), longest: fc.integer({ min: 1, max: 9 }) }),
  { minLength: 1, maxLength: 60 },
);
const timesOf = fc.integer({ min: 1, max: 30 });

/** What a choice costs: positions that are computed, and those that each length counts as. */
function costOf(lengths: readonly number[], batches: readonly Unpadded[], times: number): number {
  const padded = padTo(lengths);
  const computed = (pad: (longest: number) => number): number =>
    batches.reduce((sum, { rows, longest }) => sum + times * rows * pad(longest), 0);
  const real = computed((longest) => longest);
  return computed(padded) + lengths.length * Math.max(500, real / 500);
}

/** Every choice of some of the lengths that holds the longest of them. */
function choices(batches: readonly Unpadded[]): readonly (readonly number[])[] {
  const lengths = [...new Set(batches.map(({ longest }) => longest))].sort((a, b) => a - b);
  const longest = lengths.at(-1)!;
  return Array.from({ length: 2 ** (lengths.length - 1) }, (_, bits) =>
    lengths.filter((length, i) => length === longest || (bits >> i) & 1),
  );
}

describe('runLengths', () => {
  it('is the cheapest of all choices', () => {
    fc.assert(
      fc.property(batchLists, timesOf, (batches, times) => {
        const chosen = runLengths(batches, times);
        const least = Math.min(...choices(batches).map((lengths) => costOf(lengths, batches, times)));
        expect(costOf(chosen, batches, times)).toBeCloseTo(least, 6);
        expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
        expect(chosen.at(-1)).toBe(Math.max(...batches.map(({ longest }) => longest)));
      }),
    );
  });

  it('has one length for a few steps, and each for many', () => {
    const batches = [10, 12, 14, 16].map((longest) => ({ rows: 32, longest }));
    expect(runLengths(batches, 1)).toEqual([16]);
    expect(runLengths(batches, 3)).toEqual([12, 16]);
    expect(runLengths(batches, 100)).toEqual([10, 12, 14, 16]);
    expect(runLengths([], 3)).toEqual([]);
  });
});

describe('padTo', () => {
  it('pads to the next length, and beyond the last as where none are chosen', () => {
    expect([1, 10, 11, 16, 17, 40].map(padTo([10, 16]))).toEqual([10, 10, 16, 16, 20, 40]);
    expect([3, 17, 33].map(padTo([]))).toEqual([3, 17, 33].map(paddedLength));
  });
});
