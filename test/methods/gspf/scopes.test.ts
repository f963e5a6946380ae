import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apportion, layerOf, scopeUnits } from '../../../src/methods/gspf/scopes.ts';

test.each([
  ['bert.encoder.layer.1.output.dense.weight', 'bert.encoder.layer.1'],
  ['bert.embeddings.LayerNorm.weight', 'bert.embeddings'],
  ['bert.pooler.dense.bias', 'bert.pooler'],
  ['classifier.bias', 'classifier'],
  ['head.0.weight', 'head.0'],
])('the layer of %s is %s', (name, layer) => {
  expect(layerOf(name)).toBe(layer);
});

test('units keep the order of their first tensor', () => {
  const tensors = ['b.0.x', 'a.0.x', 'b.0.y'].map((name) => ({ name }));
  expect([...scopeUnits(tensors, 'layer').keys()]).toEqual(['b.0', 'a.0']);
  expect([...scopeUnits(tensors, 'tensor').keys()]).toEqual(['b.0.x', 'a.0.x', 'b.0.y']);
  expect(scopeUnits(tensors, 'global')).toEqual(new Map([['all', tensors]]));
});

test('largest remainders, ties in order', () => {
  expect(apportion(10, [1, 1, 1])).toEqual([4, 3, 3]);
  expect(apportion(3, [50, 30, 20])).toEqual([1, 1, 1]); // 1.5, 0.9, 0.6
  expect(apportion(1, [1, 1000])).toEqual([0, 1]);
  expect(apportion(0, [3, 4])).toEqual([0, 0]);
  expect(apportion(0, [])).toEqual([]);
});

test('products beyond 2⁵³ are exact', () => {
  // ⌊(10¹⁵ − 1)·10¹⁵ / (2·10¹⁵ + 1)⌋ and remainders by hand: b·n/N = 499 999 999 999 999.25 and 499 999 999 999 999.75
  // up to 10⁻¹⁵, so that the larger unit takes the odd one.
  const budget = 10 ** 15 - 1;
  expect(apportion(budget, [10 ** 15, 10 ** 15 + 1])).toEqual([499_999_999_999_999, 500_000_000_000_000]);
});

test('shares sum to the budget, and differ from the quota by less than one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 10 ** 8 }), { minLength: 1, maxLength: 30 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (sizes, ratio) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const budget = Math.floor(ratio * total);
        const shares = apportion(budget, sizes);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(budget);
        shares.forEach((share, unit) => {
          expect(share).toBeLessThanOrEqual(sizes[unit]!);
          if (total > 0) expect(Math.abs(share - (budget * sizes[unit]!) / total)).toBeLessThan(1 + 1e-6);
        });
      },
    ),
  );
});
