import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/data/delimited.ts';
import type { Table } from '../../src/data/table.ts';
import {
  type TextClassificationOptions,
  textClassification,
  textClassificationEvaluation,
} from '../../src/tasks/text-classification.ts';
import { failure } from '../data/failure.ts';
import { labelled } from './labelled.ts';

function mails(labels: readonly string[], source = 'mails.csv'): Table {
  const rows = labels.map((label, row) => `"mail ${row}",${label}`);
  return parseCsv(['text,label', ...rows].join('\n'), source);
}

const twenty = mails(Array.from({ length: 20 }, (_, row) => (row % 2 === 0 ? 'spam' : ' ham ')));

describe('textClassification', () => {
  it('learns labels, holds out a stratified tenth and says so', () => {
    const task = textClassification(twenty, { seed: 7 });
    expect(task.labels).toEqual(['ham', 'spam']);
    expect(task.evaluation.map(({ label }) => label).sort()).toEqual([0, 1]);
    expect(task.train).toHaveLength(18);
    const texts = [...task.train, ...task.evaluation].map(({ text }) => text);
    expect(new Set(texts).size).toBe(20);
    for (const { text, label } of task.train) expect(label).toBe(Number(text.slice(5)) % 2 === 0 ? 1 : 0);
    expect(task.notes).toEqual([
      'mails.csv: took column "text" as text, "label" as label, guessed from the names of the columns ' +
        '(--text-column, --label-column to choose).',
      'mails.csv: held out 2 of 20 rows for evaluation (evaluation ratio 0.1, stratified by label, seed 7).',
    ]);
    expect(task.train).toEqual(textClassification(twenty, { seed: 7 }).train);
    expect(task.evaluation).not.toEqual(textClassification(twenty, { seed: 8 }).evaluation);
  });

  it('orders integer labels by number, others by code unit', () => {
    const labelsOf = (...labels: string[]): readonly string[] =>
      textClassification(mails([...labels, ...labels]), { seed: 0, evalRatio: 0.5 }).labels;
    expect(labelsOf('10', '9', '-1')).toEqual(['-1', '9', '10']);
    expect(labelsOf('10', '9', 'x')).toEqual(['10', '9', 'x']);
    expect(labelsOf('b', 'a', 'B')).toEqual(['B', 'a', 'b']);
  });

  it('keeps pairs and texts letter for letter', () => {
    const table = parseCsv('premise,hypothesis,label\n a ,b,0\nc,d,1\ne,f,0\n', 'x.csv');
    const task = textClassification(table, { seed: 0, evalTable: table });
    expect(task.train[0]).toEqual({ text: ' a ', textPair: 'b', label: 0 });
    expect(task.evaluation).toEqual(task.train);
  });

  it('takes the columns of an evaluation table by the names found in training', () => {
    const evalTable = parseCsv('label,note,text\nham,x,hello\n', 'eval.csv');
    const task = textClassification(twenty, { seed: 0, evalTable });
    expect(task.evaluation).toEqual([{ text: 'hello', label: 0 }]);
    expect(task.train).toHaveLength(20);
  });

  it('notes the labels that no held-out row has', () => {
    const table = mails([...Array(10).fill('a'), ...Array(10).fill('b'), 'rare']);
    expect(textClassification(table, { seed: 0 }).notes.at(-1)).toBe(
      'No row to evaluate on for the labels "rare".',
    );
  });

  it.each<[string, Table, Partial<TextClassificationOptions>, string]>([
    [
      'one label only',
      mails(['a', 'a']),
      {},
      'input/data: mails.csv: expected at least two different labels in column "label", got only "a"',
    ],
    [
      'a row without label',
      mails(['a', 'b', ' ']),
      {},
      'input/data: mails.csv:4: expected a label in column "label", got an empty field',
    ],
    [
      'a row without text',
      parseCsv('text,label\n" ",a\nx,b\n', 'mails.csv'),
      {},
      'input/data: mails.csv:2: expected text in column "text", got an empty field',
    ],
    [
      'a pair without its second text',
      parseCsv('text1,text2,label\nx,y,a\nx,,b\n', 'mails.csv'),
      {},
      'input/data: mails.csv:3: expected text in column "text2", got an empty field',
    ],
    [
      'a label that the model does not know',
      mails(['spam', 'hame']),
      { labels: ['ham', 'spam'] },
      'input/data: mails.csv:3: expected one of the known labels ("ham", "spam"), got "hame" in column "label". ' +
        'Did you mean "ham"?',
    ],
    [
      'an evaluation table with a new label',
      twenty,
      { evalTable: mails(['ham', 'spam', 'other'], 'eval.csv') },
      'input/data: eval.csv:4: expected one of the known labels ("ham", "spam"), got "other" in column "label". ' +
        'Known: ham, spam.',
    ],
    [
      'an evaluation table with other columns',
      twenty,
      { evalTable: parseCsv('txt,label\nx,ham\n', 'eval.csv') },
      'input/data: eval.csv: expected a column "text", as in mails.csv, got columns "txt", "label". ' +
        'Did you mean "txt"?',
    ],
  ])('refuses %s', (_, table, options, message) => {
    expect(failure(() => textClassification(table, { seed: 0, ...options }))).toBe(message);
  });

  it('scores two labels by F1 of the second one, more by macro F1', () => {
    const two = textClassification(twenty, { seed: 0 });
    expect(two.primaryMetric).toBe('accuracy');
    expect(two.evaluate(Int32Array.of(1, 1, 0, 0), labelled(1, 0, 0, 0))).toEqual({
      accuracy: 3 / 4,
      f1: 2 / 3,
    });
    const three = textClassification(mails(['a', 'b', 'c', 'a']), { seed: 0 });
    const metrics = three.evaluate(Int32Array.of(0, 1, 1), labelled(0, 1, 2));
    expect(Object.keys(metrics)).toEqual(['accuracy', 'f1_macro']);
    expect(metrics['f1_macro']).toBeCloseTo((1 + 2 / 3 + 0) / 3, 14);
  });
});

describe('textClassificationEvaluation', () => {
  it('evaluates the whole table under the labels given, in their order', () => {
    const task = textClassificationEvaluation(mails(['ham', 'ham']), { labels: ['spam', 'ham'] });
    expect(task.train).toEqual([]);
    expect(task.evaluation.map(({ label }) => label)).toEqual([1, 1]);
    expect(task.labels).toEqual(['spam', 'ham']);
  });
});
