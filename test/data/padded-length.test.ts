import { describe, expect, it } from 'vitest';
import { paddedLength } from '../../src/data/padded-length.ts';

describe('paddedLength', () => {
  const lengths = Array.from({ length: 512 }, (_, i) => i + 1);
  const padded = lengths.map(paddedLength);

  it('pads by one token at most up to 16, by three up to 32, by seven beyond', () => {
    expect([1, 2, 9, 15, 16, 17, 20, 21, 32, 33, 40, 509].map(paddedLength)).toEqual([
      2, 2, 10, 16, 16, 20, 20, 24, 32, 40, 40, 512,
    ]);
    for (const [i, length] of lengths.entries()) expect(padded[i]).toBeGreaterThanOrEqual(length);
  });

  it('leaves a padded length as it is, and the longer never shorter', () => {
    expect(padded.map(paddedLength)).toEqual(padded);
    expect(padded.toSorted((a, b) => a - b)).toEqual(padded);
  });

  it('has 12 lengths up to 32 tokens and 72 up to 512', () => {
    expect(new Set(padded.slice(0, 32)).size).toBe(12);
    expect(new Set(padded).size).toBe(72);
  });
});
