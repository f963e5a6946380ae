import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, parseJsonl } from '../../src/data/jsonl.ts';
import { failure } from './failure.ts';

describe('parseJsonl', () => {
  it('takes the union of keys as columns and leaves nested ones out', () => {
    const table = parseJsonl(
      '\ufeff{"text": "a", "label": 1}\r\n\n{"label": true, "text": null, "meta": {"x": 1}}\n{"__proto__": "p"}\n',
      'x.jsonl',
    );
    expect(table.columns).toEqual(['text', 'label', '__proto__']);
    expect(table.rows).toEqual([
      ['a', '1', ''],
      ['', 'true', ''],
      ['', '', 'p'],
    ]);
    expect(table.nestedColumns).toEqual(['meta']);
    expect([0, 1, 2].map((row) => table.lineOf(row))).toEqual([1, 3, 4]);
  });

  it.each([
    ['  \n', 'input/data: x.jsonl: expected one JSON object a line, got an empty file'],
    ['{"a": 1}\n3\n', 'input/data: x.jsonl:2: expected a JSON object, got a number'],
    [
      '[{"a": 1}]',
      'input/data: x.jsonl:1: expected a JSON object, got an array. Name a file that holds one JSON array .json.',
    ],
  ])('refuses %j', (text, message) => {
    expect(failure(() => parseJsonl(text, 'x.jsonl'))).toBe(message);
  });

  it('names the line of malformed JSON', () => {
    expect(failure(() => parseJsonl('{"a": 1}\n\n{"a": \n', 'x.jsonl'))).toMatch(
      /^input\/data: x\.jsonl:3: expected one JSON object, got invalid JSON: /,
    );
  });
});

describe('parseJson', () => {
  it('knows the line of each element, however the array is laid out', () => {
    const scalar = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('[', '{', '}', ',', '"', '\\') }));
    const nested = fc.array(fc.record({ x: fc.array(scalar) }));
    const elements = fc.array(fc.record({ text: scalar, nested }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(elements, fc.constantFrom(0, 1, 3), (objects, indent) => {
        const text = JSON.stringify(objects, null, indent);
        const table = parseJson(text, 'x.json');
        expect(table.rows).toEqual(objects.map(({ text }) => [text]));
        const begins = (row: number): string => text.split('\n')[table.lineOf(row) - 1] ?? '';
        const opening = indent === 0 ? '[{' : `${' '.repeat(indent)}{`;
        for (const row of objects.keys()) expect(begins(row).startsWith(opening)).toBe(true);
        const lines = objects.map((_, row) => table.lineOf(row));
        expect(new Set(lines).size).toBe(indent === 0 ? 1 : objects.length);
      }),
    );
  });

  it('names the line of an element that is no object', () => {
    expect(failure(() => parseJson('[\n  {"a": "[,"},\n  "x"\n]', 'x.json'))).toBe(
      'input/data: x.json:3: expected a JSON object, got a string',
    );
  });

  it.each([
    ['', 'expected a JSON array of objects, got an empty file'],
    ['[]', 'expected a JSON array of objects, got an empty file'],
    ['{"a": 1}', 'expected a JSON array of objects, got an object'],
    ['{"a": 1}\n{"a": 2}', 'Name a file with one object a line .jsonl.'],
  ])('refuses %j', (text, message) => {
    expect(failure(() => parseJson(text, 'x.json'))).toContain(message);
  });
});
