import { expect, test } from 'vitest';
import { countAll } from '../../src/methods/selection.ts';
import { expectedSelection } from '../../src/plan/expected-selection.ts';
import { sizeOf } from '../../src/tensor.ts';

const tensors = [
  { name: 'emb.w', shape: [1000, 16] },
  { name: 'm.layer.0.w', shape: [64, 64] },
  { name: 'm.layer.1.w', shape: [64, 64] },
  { name: 'm.layer.1.b', shape: [64] },
  { name: 'head.w', shape: [2, 16] },
];
const sizes = new Map(tensors.map(({ name, shape }) => [name, sizeOf(shape)]));

test('the budget is spent, half of it in the last layer, beside the head', () => {
  const selection = expectedSelection(tensors, new Set(['head.w']), 400);
  expect(selection.get('head.w')).toBe('all');
  expect(Math.abs(countAll(selection, sizes) - 32 - 400)).toBeLessThanOrEqual(4);
  const last = ['m.layer.1.w', 'm.layer.1.b'].map((name) => selection.get(name)?.length ?? 0);
  expect(Math.abs((last[0] ?? 0) + (last[1] ?? 0) - 200)).toBeLessThanOrEqual(2);
});

test('indices are distinct, ascending and within their tensor, whatever the budget', () => {
  for (const budget of [0, 1, 37, 5000, 20000]) {
    for (const [name, indices] of expectedSelection(tensors, new Set(), budget)) {
      if (indices === 'all') continue;
      const sorted = [...new Set(indices)].sort((a, b) => a - b);
      expect(Array.from(indices), `${name} of ${budget}`).toEqual(sorted);
      expect(indices.at(-1)).toBeLessThan(sizes.get(name) ?? 0);
    }
  }
});
