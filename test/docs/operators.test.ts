import { describe, expect, test } from 'vitest';
import { rewrittenOperators } from '../../src/onnx/rewritten.ts';
import { opTypes } from '../../src/ops/definition.ts';
import { absentOperators, operatorNotes } from '../../src/ops/notes.ts';
import { rewrittenTypes } from '../../src/ops/rewrites.ts';
import { inputsOf, operatorsMarkdown, schemas, triedAttributes } from './operators.ts';

// To renew the file: npx vitest run test/docs/operators -u
test('docs/operators.md is what the table says', async () => {
  await expect(operatorsMarkdown()).toMatchFileSnapshot('../../docs/operators.md');
});

describe('the table against the schemas of ONNX', () => {
  test('every operator is in the table or among the absent ones, with the reason', () => {
    const known = new Set<string>([...opTypes, ...Object.keys(rewrittenOperators), ...rewrittenTypes]);
    const names = Object.keys(schemas);
    expect(names.filter((name) => !known.has(name)).sort()).toEqual(Object.keys(absentOperators).sort());
    expect(
      [...known].filter((name) => schemas[name] === undefined && !name.startsWith('com.microsoft.')),
    ).toEqual([]);
  });

  test('there is a reason where an input has no gradient, and none where all have one', () => {
    const wrong = opTypes.filter(
      (op) => (operatorNotes[op].fixed === undefined) !== (inputsOf(op).without.length === 0),
    );
    expect(wrong.filter((op) => (schemas[op]?.inputs.length ?? 0) > 0)).toEqual([]);
  });

  test('every attribute is tried, or the note says why not', () => {
    const missing = opTypes.flatMap((op) => {
      const tried = triedAttributes(op);
      const excused = operatorNotes[op].untried ?? {};
      return (schemas[op]?.attributes ?? [])
        .filter((name) => !tried.has(name) && excused[name] === undefined)
        .map((name) => `${op}, ${name}`);
    });
    expect(missing).toEqual([]);
  });
});
