import { describe, expect, it } from 'vitest';
import { loadTokenClassification } from '../../src/tasks/load-token-classification.ts';
import { readTaggedSentences } from '../../src/tasks/tagged-sentences.ts';
import { tokenClassification } from '../../src/tasks/token-classification.ts';
import { failure, rejection } from '../data/failure.ts';
import { filesOf } from './files.ts';

function read(text: string, source = 'x.conll') {
  return readTaggedSentences(text, source).map(({ tokens, tags }) => ({ tokens, tags }));
}

const conll2003 =
  '-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nPeter NNP B-NP B-PER\nBlackburn NNP I-NP I-PER\n';

describe('readTaggedSentences', () => {
  const sentences = [
    { tokens: ['EU', 'rejects'], tags: ['B-ORG', 'O'] },
    { tokens: ['Peter', 'Blackburn'], tags: ['B-PER', 'I-PER'] },
  ];

  it.each([
    ['columns by spaces', 'x.txt', conll2003],
    [
      'columns by tabs, CRLF and a mark',
      'x.tsv',
      `\ufeffEU\tB-ORG\r\nrejects\tO\r\n \r\nPeter\tB-PER\r\nBlackburn\tI-PER`,
    ],
    [
      'comments',
      'x.conll',
      '# id 1\nEU _ _ B-ORG\nrejects _ _ O\n\n# id 2\nPeter _ _ B-PER\nBlackburn _ _ I-PER\n',
    ],
    [
      'JSON Lines',
      'x.jsonl',
      '{"tokens": ["EU", "rejects"], "labels": ["B-ORG", "O"]}\n{"tokens": ["Peter", "Blackburn"], "ner_tags": ["B-PER", "I-PER"]}\n',
    ],
    [
      'a JSON array',
      'x.json',
      '[{"id": 1, "tokens": ["EU", "rejects"], "tags": ["B-ORG", "O"]},\n{"tokens": ["Peter", "Blackburn"], "tags": ["B-PER", "I-PER"]}]',
    ],
  ])('reads %s', (_, source, text) => {
    expect(read(text, source)).toEqual(sentences);
  });

  it('keeps number signs that are tokens, spaces in tokens between tabs, and class numbers', () => {
    expect(read('# O\n1 B-NUM\n')).toEqual([{ tokens: ['#', '1'], tags: ['O', 'B-NUM'] }]);
    expect(read('New York\tB-LOC\n')).toEqual([{ tokens: ['New York'], tags: ['B-LOC'] }]);
    expect(read('{"tokens": ["a", "b"], "ner_tags": [0, 3]}', 'x.jsonl')[0]?.tags).toEqual([0, 3]);
  });

  it.each([
    ['a ragged row', 'a b O\n\nc O\n', 'x.conll:3: expected 3 columns, as in the first row, got 2'],
    [
      'one column only',
      'hello\nworld\n',
      'x.conll:1: expected a token and its label, separated by a tab or a space, got "hello"',
    ],
    ['an empty label', 'a\tO\nb\t\n', 'x.conll:2: expected a label, got an empty column'],
    ['an empty token', 'a\tO\n\tO\n', 'x.conll:2: expected a token, got an empty column'],
    ['an empty file', '\n -DOCSTART-\n'.replace(' ', ''), 'x.conll: expected a token a line'],
  ])('refuses %s', (_, text, message) => {
    expect(failure(() => read(text))).toContain(`input/data: ${message}`);
  });

  it.each([
    [
      'other lengths',
      '{"tokens": ["a", "b"], "labels": ["O"]}',
      'x.jsonl:1: expected 2 labels, one for each token, got 1',
    ],
    [
      'no labels',
      '{"tokens": ["a"], "lables": ["O"]}',
      'x.jsonl:1: expected tokens, a list of texts, and labels',
    ],
    ['no tokens', '{"tokens": [], "labels": []}', 'x.jsonl:1: expected tokens'],
    ['mixed labels', '\n{"tokens": ["a", "b"], "labels": ["O", 1]}', 'x.jsonl:2: expected tokens'],
    ['negative labels', '{"tokens": ["a"], "labels": [-100]}', 'x.jsonl:1: expected tokens'],
  ])('refuses JSON with %s', (_, text, message) => {
    expect(failure(() => read(text, 'x.jsonl'))).toContain(`input/data: ${message}`);
  });
});

describe('tokenClassification', () => {
  const ten = readTaggedSentences(
    Array.from({ length: 10 }, (_, row) => `word${row} B-PER\nis O\n${row} I-LOC\n`).join('\n'),
    'ten.conll',
  );

  it('learns labels, O first, and holds out a tenth by the seed', () => {
    const task = tokenClassification({ train: ten, seed: 3 });
    expect(task).toMatchObject({
      name: 'token-classification',
      labels: ['O', 'B-PER', 'I-LOC'],
      primaryMetric: 'f1',
    });
    expect([task.train.length, task.evaluation.length]).toEqual([9, 1]);
    expect(task.train[0]?.labels).toEqual(Int32Array.of(1, 0, 2));
    expect(task.notes).toEqual(['Held out 1 of 10 sentences for evaluation (evaluation ratio 0.1, seed 3).']);
    expect(tokenClassification({ train: ten, seed: 3 }).evaluation).toEqual(task.evaluation);
    const others = [4, 5, 6].map(
      (seed) => tokenClassification({ train: ten, seed }).evaluation[0]?.tokens[0],
    );
    expect(new Set([...others, task.evaluation[0]?.tokens[0]]).size).toBeGreaterThan(1);
  });

  it('scores entities and words', () => {
    const task = tokenClassification({ train: ten, evaluation: ten.slice(0, 2) });
    // Of four entities one is missed and one has the wrong type.
    expect(task.evaluate([Int32Array.of(1, 0, 0), Int32Array.of(1, 0, 1)], task.evaluation)).toEqual({
      f1: 4 / 7,
      precision: 2 / 3,
      recall: 1 / 2,
      accuracy: 4 / 6,
      f1_LOC: 0,
      f1_PER: 4 / 5,
    });
  });

  it('takes the class number 0 for O, and says so', () => {
    const train = readTaggedSentences('{"tokens": ["a", "b"], "tags": [0, 3]}', 'x.jsonl');
    const task = tokenClassification({ train, evaluation: train });
    expect(task.labels).toEqual(['O', '1', '2', '3']);
    expect(task.notes[0]).toContain('0 is taken for O');
    const named = tokenClassification({ train, evaluation: train, labels: ['O', 'B-A', 'I-A', 'B-B'] });
    expect(named.evaluate([Int32Array.of(0, 3)], named.evaluation)).toMatchObject({ f1: 1, f1_B: 1 });
    expect(named.notes).toEqual([]);
  });

  it('says how labels without prefix are counted', () => {
    const train = readTaggedSentences('a PER\nb O\n', 'x.conll');
    expect(tokenClassification({ train, evaluation: train }).notes[0]).toContain(
      'one label count as one entity',
    );
  });

  it('refuses unknown labels, one label only, mixed labels and no sentence', () => {
    const evaluation = readTaggedSentences('a O\n\nb B-PRE\n', 'eval.conll');
    expect(failure(() => tokenClassification({ train: ten, evaluation }))).toBe(
      'input/data: eval.conll:3: expected one of the known labels ("O", "B-PER", "I-LOC"), got "B-PRE". ' +
        'Did you mean "B-PER"?',
    );
    const numbers = readTaggedSentences('{"tokens": ["a", "b"], "tags": [0, 3]}', 'x.jsonl');
    expect(failure(() => tokenClassification({ evaluation: numbers, labels: ['O', 'B'] }))).toBe(
      'input/data: x.jsonl:1, token 2: expected a class number from 0 to 1, got 3',
    );
    expect(failure(() => tokenClassification({ train: [...ten, ...numbers] }))).toBe(
      'input/data: x.jsonl:1, token 1: expected names as labels, as elsewhere in the file, got numbers',
    );
    expect(failure(() => tokenClassification({ train: readTaggedSentences('a O\n\nb O\n', 'x') }))).toContain(
      'expected at least two different labels, got only "O"',
    );
    expect(failure(() => tokenClassification({}))).toContain('expected sentences, got none');
  });
});

describe('loadTokenClassification', () => {
  const files = filesOf({ 'train.conll': conll2003, 'dev.conll': 'Peter B-PER\n', 'd/x': '' });

  it('reads files of its own, to evaluate on alone too', async () => {
    const task = await loadTokenClassification(
      { data: 'train.conll', evalData: 'dev.conll', limitTrain: 1 },
      files,
    );
    expect([task.train.length, task.evaluation.length]).toEqual([1, 1]);
    expect(task.notes).toEqual(['Limited to the first 1 of 2 training rows of a seed-0 shuffle.']);
    const options = { data: 'dev.conll', evaluationOnly: true, labels: ['B-PER', 'O'] };
    expect(await loadTokenClassification(options, files)).toMatchObject({
      train: [],
      evaluation: [{ tokens: ['Peter'], labels: Int32Array.of(0) }],
    });
  });

  it('refuses a directory, and an evaluation without labels', async () => {
    expect(await rejection(loadTokenClassification({ data: 'd' }, files))).toBe(
      'usage/option: d: expected a file with a list of sentences, got a directory',
    );
    expect(
      await rejection(loadTokenClassification({ data: 'dev.conll', evaluationOnly: true }, files)),
    ).toContain("expected the model's label names");
  });
});
