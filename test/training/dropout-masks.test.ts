import { describe, expect, test } from 'vitest';
import { DropoutMasks } from '../../src/training/dropout-masks.ts';

const site = (number: number, probability = 0.1) => ({ input: `dropout/${number}`, probability });
const shape = [64, 128, 64];
const SIZE = 64 * 128 * 64;

/** Pearson's correlation of two masks. */
function correlation(a: Float32Array, b: Float32Array): number {
  let [sumA, sumB, sumAB, sumAA, sumBB] = [0, 0, 0, 0, 0];
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    sumA += x;
    sumB += y;
    sumAB += x * y;
    sumAA += x * x;
    sumBB += y * y;
  }
  const covariance = sumAB / n - (sumA / n) * (sumB / n);
  return covariance / Math.sqrt((sumAA / n - (sumA / n) ** 2) * (sumBB / n - (sumB / n) ** 2));
}

/** Five standard deviations of a correlation of independent values. */
const NOISE = 5 / Math.sqrt(SIZE);

describe('dropout masks', () => {
  const masks = new DropoutMasks(7);

  test.each([0.1, 0.3, 0.5])('drop a share of %f and keep the mean', (probability) => {
    const { data } = masks.mask(site(0, probability), shape, 1, 0);
    const dropped = data.reduce((count, value) => count + (value === 0 ? 1 : 0), 0) / SIZE;
    const deviation = Math.sqrt((probability * (1 - probability)) / SIZE);
    expect(Math.abs(dropped - probability)).toBeLessThan(5 * deviation);
    expect(new Set(data)).toEqual(new Set([0, Math.fround(1 / (1 - probability))]));
  });

  test('are independent of their neighbours, of other sites, batches and epochs', () => {
    const { data } = masks.mask(site(0), shape, 1, 0);
    for (const lag of [1, 2, 64, 128]) {
      expect(Math.abs(correlation(data, data.subarray(lag))), `lag ${lag}`).toBeLessThan(NOISE);
    }
    for (const [number, epoch, batch] of [
      [1, 1, 0],
      [0, 1, 1],
      [0, 2, 0],
      [5, 3, 9],
    ] as const) {
      const other = masks.mask(site(number), shape, epoch, batch);
      expect(Math.abs(correlation(data, other.data))).toBeLessThan(NOISE);
    }
    const otherSeed = new DropoutMasks(8).mask(site(0), shape, 1, 0);
    expect(Math.abs(correlation(data, otherSeed.data))).toBeLessThan(NOISE);
  });

  test('follow from seed and counters alone, whatever was drawn before', () => {
    const fresh = new DropoutMasks(7).mask(site(3), [8, 16], 2, 5);
    const used = new DropoutMasks(7);
    used.mask(site(0), [512, 512], 1, 1);
    expect(used.mask(site(3), [8, 16], 2, 5).data).toEqual(fresh.data);
  });
});
