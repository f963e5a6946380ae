import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { z } from 'zod';
import { entitiesOf, entityScores } from '../../src/metrics/entities.ts';
import { failure } from '../data/failure.ts';

const scores = z.object({ precision: z.number(), recall: z.number(), f1: z.number(), support: z.number() });
const sentences = z.array(z.array(z.string()));
const cases = z
  .array(
    z.object({
      name: z.string(),
      expected: sentences,
      predicted: sentences,
      entities: z.array(z.array(z.tuple([z.string(), z.number(), z.number()]))),
      micro: scores,
      byType: z.record(z.string(), scores),
    }),
  )
  .parse(JSON.parse(readFileSync(new URL('../fixtures/entities/entities.json', import.meta.url), 'utf8')));

/** Scores whose fractions agree to 12 digits. */
function closeTo({ precision, recall, f1, support }: z.infer<typeof scores>) {
  return {
    precision: expect.closeTo(precision, 12),
    recall: expect.closeTo(recall, 12),
    f1: expect.closeTo(f1, 12),
    support,
  };
}

test.each(cases)('finds the entities and scores of seqeval: $name', (fixture) => {
  const found = fixture.expected.map((labels) =>
    entitiesOf(labels).map(({ type, first, last }) => [type, first, last]),
  );
  expect(found).toEqual(fixture.entities);
  const { micro, byType } = entityScores(fixture.predicted, fixture.expected);
  expect(micro).toEqual(closeTo(fixture.micro));
  expect(Object.fromEntries(byType)).toEqual(
    Object.fromEntries(Object.entries(fixture.byType).map(([type, own]) => [type, closeTo(own)])),
  );
});

function entities(labels: string): string {
  return entitiesOf(labels.split(' '))
    .map(({ type, first, last }) => `${type} ${first}–${last}`)
    .join(', ');
}

describe('entitiesOf', () => {
  it.each([
    ['O O', ''],
    ['B-A I-A O B-A B-A', 'A 0–1, A 3–3, A 4–4'],
    ['I-A I-A I-B B-B', 'A 0–1, B 2–2, B 3–3'],
    ['O I-A O', 'A 1–1'],
    ['B-A I-B', 'A 0–0, B 1–1'],
    ['I-A E-A I-A E-A', 'A 0–1, A 2–3'],
    ['S-A S-A B-A I-A E-A', 'A 0–0, A 1–1, A 2–4'],
    ['E-A E-A', 'A 0–0, A 1–1'],
    ['B I O', '_ 0–1'],
    ['B-A-B I-A-B', 'A-B 0–1'],
    ['PER PER O LOC Shelf', 'PER 0–1, LOC 3–3, Shelf 4–4'],
  ])('reads %s', (labels, expected) => {
    expect(entities(labels)).toBe(expected);
  });
});

describe('entityScores', () => {
  it('counts an entity only when type and both ends are right', () => {
    const expected = [['B-A', 'I-A', 'O', 'B-B'], ['B-A']];
    const predicted = [['B-A', 'O', 'O', 'B-B'], ['B-B']];
    // Predicted A 0–0, B 3–3, B 0–0; one of three is right, of three that are there.
    const { micro, byType } = entityScores(predicted, expected);
    expect(micro).toEqual({ precision: 1 / 3, recall: 1 / 3, f1: 1 / 3, support: 3 });
    expect([...byType]).toEqual([
      ['A', { precision: 0, recall: 0, f1: 0, support: 2 }],
      ['B', { precision: 1 / 2, recall: 1, f1: 2 / 3, support: 1 }],
    ]);
  });

  it('keeps sentences apart', () => {
    expect(entityScores([['I-A'], ['I-A']], [['I-A'], ['I-A']]).micro.support).toBe(2);
  });

  it('refuses lists of other shapes', () => {
    expect(failure(() => entityScores([], []))).toContain('at least one, got 0 predictions and 0 sentences');
    expect(failure(() => entityScores([['O']], [['O', 'O']]))).toBe(
      'input/data: metric, sentence 0: expected 2 labels, one for each word, got 1',
    );
  });
});
