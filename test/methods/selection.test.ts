import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Indices, Selection } from '../../src/methods/selection.ts';
import { count, countAll, difference, toIndices, union } from '../../src/methods/selection.ts';

const SIZE = 12;
const sizes = new Map(['a', 'b', 'c'].map((name) => [name, SIZE]));

const flatIndices = fc.uniqueArray(fc.nat(SIZE - 1), { minLength: 1, maxLength: SIZE - 1 });
const indices: fc.Arbitrary<Indices> = fc.oneof(
  fc.constant<Indices>('all'),
  flatIndices.map((list) => Int32Array.from(list).sort()),
);
const selections: fc.Arbitrary<Selection> = fc
  .dictionary(fc.constantFrom(...sizes.keys()), indices)
  .map((entries) => new Map(Object.entries(entries)));

const keys = (selection: Selection): string[] =>
  [...selection].flatMap(([name, chosen]) => [...toIndices(chosen, SIZE)].map((index) => `${name} ${index}`));

test('indices of a whole tensor, of some weights, of none', () => {
  expect([...toIndices('all', 3)]).toEqual([0, 1, 2]);
  expect([...toIndices(Int32Array.of(1, 4), 6)]).toEqual([1, 4]);
  expect([...toIndices(undefined, 6)]).toEqual([]);
  expect([count('all', 3), count(Int32Array.of(1, 4), 6), count(undefined, 6)]).toEqual([3, 2, 0]);
});

test('union and difference are those of sets', () => {
  fc.assert(
    fc.property(selections, selections, (a, b) => {
      const [inA, inB] = [new Set(keys(a)), new Set(keys(b))];
      const both = union(a, b, sizes);
      expect(keys(both).sort()).toEqual([...new Set([...inA, ...inB])].sort());
      expect(countAll(both, sizes)).toBe(new Set([...inA, ...inB]).size);
      const rest = difference(a, b, sizes);
      expect(keys(rest).sort()).toEqual([...inA].filter((key) => !inB.has(key)).sort());
      for (const chosen of [...both.values(), ...rest.values()]) {
        expect(count(chosen, SIZE)).toBeGreaterThan(0);
        if (chosen !== 'all') {
          expect(chosen).toEqual(chosen.slice().sort());
          expect(chosen.length).toBeLessThan(SIZE);
        }
      }
    }),
  );
});
