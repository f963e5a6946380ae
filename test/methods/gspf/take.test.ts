import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gaussian } from '../../../src/data/shuffle.ts';
import { readScores } from '../../../src/methods/gspf/mix.ts';
import type { Candidates, Taken } from '../../../src/methods/gspf/take.ts';
import { takeBest } from '../../../src/methods/gspf/take.ts';
import { failure } from '../../data/failure.ts';

interface Entry {
  readonly tensor: number;
  readonly candidate: number;
  readonly score: number;
  readonly size: number;
}

/** The same by sorting everything: best first, ties in order, what does not fit is passed over. */
function bySorting(entries: readonly Entry[], budget: number): { taken: Entry[]; passed: Entry[] } {
  const taken: Entry[] = [];
  const passed: Entry[] = [];
  let left = budget;
  for (const entry of [...entries].sort((a, b) => b.score - a.score)) {
    if (entry.size <= left) {
      taken.push(entry);
      left -= entry.size;
    } else {
      passed.push(entry);
    }
  }
  return { taken, passed };
}

function expectAsBySorting(tensors: readonly (readonly Entry[])[], budget: number): void {
  const candidates = tensors.map(
    (entries, tensor): Candidates => ({
      tensor: `t${tensor}`,
      count: entries.length,
      size: entries.every(({ size }) => size === 1) ? 1 : (candidate) => entries[candidate]!.size,
    }),
  );
  const kept = new Map(
    tensors.map((entries, tensor) => [`t${tensor}`, Float64Array.from(entries, ({ score }) => score)]),
  );
  const got = takeBest(candidates, readScores(kept), budget);
  const unlisted = takeBest(candidates, readScores(kept), budget, null);
  const report = ({ size, mass, threshold, next }: Taken): unknown => ({ size, mass, threshold, next });
  expect(report(got)).toEqual(report(unlisted));

  const { taken, passed } = bySorting(tensors.flat(), budget);
  const numbers = tensors.map((): number[] => []);
  for (const { tensor, candidate } of taken) numbers[tensor]!.push(candidate);
  // Compared as bytes: matchers are slow on long arrays.
  numbers.forEach((wanted, tensor) => {
    const bytes = new Uint8Array(Int32Array.from(wanted).sort().buffer);
    for (const { taken } of [got, unlisted]) {
      expect(Buffer.compare(new Uint8Array(taken[tensor]!.buffer), bytes)).toBe(0);
    }
  });
  expect(got.size).toBe(taken.reduce((sum, { size }) => sum + size, 0));
  const mass = taken.reduce((sum, { score, size }) => sum + Math.max(0, score) * size, 0);
  // Sums of numbers near the largest double may overflow in one order and not in another.
  if (mass < 1e300) expect(Math.abs(got.mass - mass)).toBeLessThanOrEqual(1e-9 * mass);
  // −0 and 0 are the same score.
  expect(plain(got.threshold)).toBe(plain(taken.at(-1)?.score ?? null));
  expect(plain(got.next)).toBe(plain(passed[0]?.score ?? null));
}

const plain = (score: number | null): number | null => (score === null ? null : score + 0);

const tied = fc.constantFrom(0, -0, 1, -1, 0.5, -0.5, Number.MIN_VALUE, -Number.MIN_VALUE);
const anyNumber = fc.double({ noNaN: true });
const tensorsOf = (scores: fc.Arbitrary<number>, sizes: fc.Arbitrary<number>): fc.Arbitrary<Entry[][]> =>
  fc
    .array(fc.array(fc.tuple(scores, sizes), { maxLength: 20 }), { minLength: 1, maxLength: 4 })
    .map((tensors) =>
      tensors.map((entries, tensor) =>
        entries.map(([score, size], candidate) => ({ tensor, candidate, score, size })),
      ),
    );

test.each([
  ['many ties', tied, fc.constant(1)],
  ['any doubles', anyNumber, fc.constant(1)],
  ['groups of some sizes, many ties', tied, fc.constantFrom(1, 2, 3, 7)],
  ['groups of some sizes, any doubles', anyNumber, fc.constantFrom(2, 5, 30)],
])('takes what sorting takes: %s', (_, scores, sizes) => {
  fc.assert(
    fc.property(tensorsOf(scores, sizes), fc.nat(60), (tensors, budget) => {
      expectAsBySorting(tensors, budget);
    }),
    { numRuns: 300 },
  );
});

test('elements meet every budget exactly', () => {
  fc.assert(
    fc.property(tensorsOf(tied, fc.constant(1)), fc.nat(100), (tensors, budget) => {
      const kept = new Map(tensors.map((entries, t) => [`${t}`, Float64Array.from(entries, (e) => e.score)]));
      const candidates = tensors.map(({ length }, t) => ({ tensor: `${t}`, count: length, size: 1 }));
      const { size, taken } = takeBest(candidates, readScores(kept), budget);
      expect(size).toBe(Math.min(budget, tensors.flat().length));
      expect(taken.reduce((sum, { length }) => sum + length, 0)).toBe(size);
    }),
  );
});

// More candidates than are sorted at once, and more than one piece of scores, so that all bits of the keys come
// into play.
const MANY = 400_000;
test.each([
  ['all equal', () => 0.25],
  ['equal in all but the last bits', (noise: number) => 1 + Math.trunc(noise * 5) * Number.EPSILON],
  ['within one leading digit', (noise: number) => 1 + Math.abs(noise) * 1e-3],
  ['negative and crowded', (noise: number) => -1 - Math.abs(noise) * 1e-9],
  ['half zeros, of both signs', (noise: number) => (noise > 0 ? noise : noise < -1 ? -0 : 0)],
] as const)('many scores: %s', (_, scoreOf) => {
  const noise = gaussian(MANY, 7, 0);
  const entries = Array.from(noise, (value, index) => {
    const tensor = index < 100_000 ? 0 : 1;
    return { tensor, candidate: index - tensor * 100_000, score: scoreOf(value), size: 1 };
  });
  const tensors = [entries.slice(0, 100_000), entries.slice(100_000)];
  for (const budget of [0, 1, 123_456, 300_001, MANY]) expectAsBySorting(tensors, budget);
});

test('a score that is not a number names its tensor', () => {
  const kept = new Map([
    ['fine', Float64Array.of(1, 2)],
    ['broken', Float64Array.of(3, Number.NaN)],
  ]);
  const candidates = [...kept].map(([tensor, { length }]) => ({ tensor, count: length, size: 1 }));
  const error = failure(() => takeBest(candidates, readScores(kept), 1));
  expect(error).toContain('training/diverged');
  expect(error).toContain('"broken"');
});
