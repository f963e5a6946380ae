import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shapesToKeep } from '../../src/runtime/kept-shapes.ts';
import { type BatchShape, shapeKey } from '../../src/runtime/shape-cache.ts';

const shapes = fc.array(
  fc.record({ batch: fc.integer({ min: 2, max: 9 }), sequence: fc.integer({ min: 1, max: 12 }) }),
  { minLength: 1, maxLength: 60 },
);
const positions = ({ batch, sequence }: BatchShape): number => batch * sequence;

describe('shapesToKeep', () => {
  test('a single shape keeps its memory', () => {
    expect([...shapesToKeep([{ batch: 8, sequence: 128 }])]).toEqual(['8x128']);
  });

  test('a rare long shape does not keep what common short ones can', () => {
    const met = [8, 8, 8, 16, 16, 24, 64].map((sequence) => ({ batch: 32, sequence }));
    expect([...shapesToKeep(met)].sort()).toEqual(['32x16', '32x24', '32x8']);
  });

  test('kept shapes have room, are met at least as often as the others, and are the same in any order', () => {
    fc.assert(
      fc.property(shapes, (met) => {
        const kept = shapesToKeep(met);
        const distinct = [...new Map(met.map((shape) => [shapeKey(shape), shape])).values()];
        const runs = (shape: BatchShape): number =>
          met.filter((other) => shapeKey(other) === shapeKey(shape)).length;
        const held = distinct.filter((shape) => kept.has(shapeKey(shape)));
        const others = distinct.filter((shape) => !kept.has(shapeKey(shape)));
        const most = Math.max(...distinct.map(positions));
        expect(held.length).toBe(kept.size);
        expect(held.reduce((sum, shape) => sum + positions(shape), 0)).toBeLessThanOrEqual(1.5 * most);
        for (const one of held)
          for (const other of others) expect(runs(one)).toBeGreaterThanOrEqual(runs(other));
        expect(new Set(shapesToKeep(met.toReversed()))).toEqual(new Set(kept));
      }),
    );
  });
});
