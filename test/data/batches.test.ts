import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  countBatches,
  lengthBucketedBatches,
  sequentialBatches,
} from '../../src/data/batches.ts';
import { failure } from './failure.ts';

const lengthLists = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 120 });
const batchSizes = fc.integer({ min: 2, max: 9 });

function expectWhole(batches: readonly Batch[], lengths: readonly number[], batchSize: number): void {
  const rows = batches.flatMap((batch) => [...batch.rows]);
  expect(rows.sort((a, b) => a - b)).toEqual([...lengths.keys()]);
  expect(batches).toHaveLength(countBatches(lengths.length, batchSize));
  const sizes = batches.map((batch) => batch.rows.length);
  if (lengths.length > 1) expect(Math.min(...sizes)).toBeGreaterThanOrEqual(2);
  expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(batchSize === 2 ? 3 : batchSize);
  const partial = sizes.filter((size) => size !== batchSize);
  expect(partial.length).toBeLessThanOrEqual(lengths.length % batchSize === 1 ? 2 : 1);
  for (const batch of batches) {
    const longest = Math.max(...Array.from(batch.rows, (row) => lengths[row]!));
    const padding = batch.length - longest;
    expect(padding).toBeGreaterThanOrEqual(0);
    expect(padding).toBeLessThan(Math.min(8, Math.max(2, longest / 4)));
  }
}

describe('lengthBucketedBatches', () => {
  it('runs every row once an epoch, never alone, padded to the next multiple', () => {
    fc.assert(
      fc.property(
        lengthLists,
        batchSizes,
        fc.nat(),
        fc.nat(20),
        fc.integer({ min: 1, max: 4 }),
        (lengths, batchSize, seed, epoch, poolBatches) => {
          const options = { lengths, batchSize, seed, epoch, poolBatches };
          const batches = lengthBucketedBatches(options);
          expectWhole(batches, lengths, batchSize);
          expect(lengthBucketedBatches({ ...options, lengths: Int32Array.from(lengths) })).toEqual(batches);
        },
      ),
    );
  });

  it('orders every epoch and seed differently', () => {
    const lengths = Array.from({ length: 200 }, (_, row) => 1 + ((row * 37) % 90));
    fc.assert(
      fc.property(fc.nat(), fc.nat(20), (seed, epoch) => {
        const order = (s: number, e: number): number[][] =>
          lengthBucketedBatches({ lengths, batchSize: 8, seed: s, epoch: e }).map(({ rows }) => [...rows]);
        expect(order(seed, epoch + 1)).not.toEqual(order(seed, epoch));
        expect(order(seed + 1, epoch)).not.toEqual(order(seed, epoch));
      }),
    );
  });

  it('batches rows of like length: in one pool, lengths of two batches never interleave', () => {
    const lengths = Array.from({ length: 64 }, (_, row) => 1 + ((row * 29) % 64));
    const batches = lengthBucketedBatches({ lengths, batchSize: 8, seed: 3, epoch: 1 });
    const spans = batches.map(({ rows }) => [...rows].map((row) => lengths[row]!).sort((a, b) => a - b));
    const sorted = spans.toSorted((a, b) => a[0]! - b[0]!);
    expect(sorted.flat()).toEqual(Array.from({ length: 64 }, (_, index) => index + 1));
    expect(spans).not.toEqual(sorted);
  });

  it.each([
    [9, 4, [2, 3, 4]],
    [7, 3, [2, 2, 3]],
    [7, 2, [2, 2, 3]],
    [3, 2, [3]],
    [10, 4, [2, 4, 4]],
    [1, 4, [1]],
    [0, 4, []],
  ])('cuts %i rows in batches of %i into %j', (n, batchSize, sizes) => {
    const lengths = Array.from({ length: n }, () => 5);
    const batches = lengthBucketedBatches({ lengths, batchSize, seed: 0, epoch: 0 });
    expect(batches.map(({ rows }) => rows.length).sort()).toEqual(sizes);
  });

  it('caps the padded length', () => {
    const options = { lengths: [30, 31], batchSize: 2, seed: 0, epoch: 0 };
    expect(lengthBucketedBatches(options)[0]?.length).toBe(32);
    expect(lengthBucketedBatches({ ...options, maxLength: 30 })[0]?.length).toBe(30);
  });

  it('refuses batches of one row and empty pools', () => {
    const options = { lengths: [1, 2], batchSize: 2, seed: 0, epoch: 0 };
    expect(failure(() => lengthBucketedBatches({ ...options, batchSize: 1 }))).toBe(
      'usage/option: batchSize: expected an integer of at least 2, got 1',
    );
    expect(failure(() => lengthBucketedBatches({ ...options, poolBatches: 0 }))).toContain('poolBatches');
    expect(failure(() => countBatches(4, 1.5))).toContain('batchSize');
  });
});

describe('sequentialBatches', () => {
  it('runs every row once, never alone, by ascending length', () => {
    fc.assert(
      fc.property(lengthLists, batchSizes, (lengths, batchSize) => {
        const batches = sequentialBatches({ lengths, batchSize });
        expectWhole(batches, lengths, batchSize);
        const rows = batches.flatMap((batch) => [...batch.rows]);
        const expected = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
        expect(rows).toEqual(expected);
      }),
    );
  });
});
