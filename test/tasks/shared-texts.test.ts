import fc from 'fast-check';
import { expect, it } from 'vitest';
import { groupsBySharedText } from '../../src/tasks/shared-texts.ts';

it('groups rows that a chain of shared texts joins, and no others', () => {
  const pairs = fc.array(fc.tuple(fc.nat(20), fc.nat(20)), { maxLength: 40 });
  fc.assert(
    fc.property(pairs, (rows) => {
      const examples = rows.map(([a, b]) => ({ text: `a${a}`, textPair: `b${b}`, label: 0 }));
      const groups = groupsBySharedText(examples);
      // Warshall's closure of "has a text in common".
      const joined = rows.map(([a, b]) => rows.map(([c, d]) => a === c || b === d));
      for (const k of rows.keys())
        for (const i of rows.keys())
          for (const j of rows.keys()) joined[i]![j] ||= joined[i]![k]! && joined[k]![j]!;
      const expected = [...new Map(joined.map((row) => [String(row), row])).values()].map((row) =>
        row.flatMap((isIn, index) => (isIn ? [index] : [])),
      );
      expect(groups).toEqual(expected);
    }),
  );
});
