import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gridOf, groupMeans, groupSize, weightsOfGroups } from '../../../src/methods/gspf/groups.ts';
import { readScores } from '../../../src/methods/gspf/mix.ts';
import type { Granularity } from '../../../src/options/options.ts';
import { sizeOf } from '../../../src/tensor.ts';
import { failure } from '../../data/failure.ts';

test('a 3 × 5 matrix in blocks of 2 × 2: edge blocks are smaller', () => {
  const grid = gridOf([3, 5], 'block:2x2');
  expect([grid.down, grid.across]).toEqual([2, 3]);
  expect([0, 1, 2, 3, 4, 5].map((group) => groupSize(grid, group))).toEqual([4, 4, 2, 2, 2, 1]);
  const scores = Float64Array.from({ length: 15 }, (_, index) => index);
  const means = groupMeans('w', grid, readScores(new Map([['w', scores]])));
  // (0+1+5+6)/4, (2+3+7+8)/4, (4+9)/2, (10+11)/2, (12+13)/2, 14
  expect([...means]).toEqual([3, 5, 6.5, 10.5, 12.5, 14]);
  expect([...weightsOfGroups(grid, Int32Array.of(1, 3, 5))]).toEqual([2, 3, 7, 8, 10, 11, 14]);
});

test('a vector is a column: its rows are elements, its column is all of it', () => {
  expect(gridOf([7], 'row')).toMatchObject({ down: 7, across: 1 });
  expect(gridOf([7], 'column')).toMatchObject({ down: 1, across: 1 });
  expect(gridOf([7], 'block:4x4')).toMatchObject({ down: 2, across: 1 });
  expect(gridOf([], 'row')).toMatchObject({ down: 1, across: 1 });
});

test('further dimensions count as columns', () => {
  expect(gridOf([4, 3, 2], 'row')).toMatchObject({ down: 4, across: 1, columns: 6 });
  expect(gridOf([4, 3, 2], 'column')).toMatchObject({ down: 1, across: 6 });
});

test('means over rows longer than one piece of scores', () => {
  const columns = 100_003;
  const scores = Float64Array.from({ length: 2 * columns }, (_, index) => index);
  const means = groupMeans('w', gridOf([2, columns], 'row'), readScores(new Map([['w', scores]])));
  expect([...means]).toEqual([(columns - 1) / 2, columns + (columns - 1) / 2]);
});

const granularity: fc.Arbitrary<Granularity> = fc.oneof(
  fc.constantFrom<Granularity>('element', 'row', 'column'),
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
    .map(([r, c]) => `block:${r}x${c}` as const),
);

test('groups partition the weights', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }), granularity, (shape, how) => {
      const grid = gridOf(shape, how);
      const groups = grid.down * grid.across;
      const members = Array.from({ length: groups }, (_, group) => [
        ...weightsOfGroups(grid, Int32Array.of(group)),
      ]);
      expect(members.map(({ length }) => length)).toEqual(members.map((_, group) => groupSize(grid, group)));
      expect(members.flat().sort((a, b) => a - b)).toEqual(
        Array.from({ length: sizeOf(shape) }, (_, i) => i),
      );
      expect([
        ...weightsOfGroups(
          grid,
          Int32Array.from({ length: groups }, (_, group) => group),
        ),
      ]).toEqual(members.flat().sort((a, b) => a - b));
    }),
  );
});

test.each(['block:0x4', 'block:4', 'tile', 'block:1.5x2'])('%s is no granularity', (how) => {
  expect(failure(() => gridOf([4, 4], how as Granularity))).toContain('usage/option');
});
