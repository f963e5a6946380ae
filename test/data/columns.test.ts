import { describe, expect, it } from 'vitest';
import { type ColumnOptions, chooseColumns, chooseTextColumns } from '../../src/data/columns.ts';
import { createTable, type Table } from '../../src/data/table.ts';
import { failure } from './failure.ts';

function tableOf(...columns: string[]): Table {
  return createTable('x.csv', columns, [{ cells: columns, line: 2 }], ['meta']);
}

function chosen(columns: string[], options: ColumnOptions = {}): (string | undefined)[] {
  const { text, textPair, label } = chooseColumns(tableOf(...columns), options);
  return [columns[text], textPair === undefined ? undefined : columns[textPair], columns[label]];
}

describe('chooseColumns', () => {
  it.each([
    [
      ['label', 'text'],
      ['text', undefined, 'label'],
    ],
    [
      ['idx', 'Sentence', 'Label'],
      ['Sentence', undefined, 'Label'],
    ],
    [
      ['title', 'Review Text', 'Sentiment'],
      ['Review Text', undefined, 'Sentiment'],
    ],
    [
      ['index', 'question', 'sentence', 'label'],
      ['question', 'sentence', 'label'],
    ],
    [
      ['Sentence_2', 'sentence 1', 'is_duplicate'],
      ['sentence 1', 'Sentence_2', 'is_duplicate'],
    ],
    [
      ['Quality', '#1 ID', '#2 ID', '#1 String', '#2 String'],
      ['#1 String', '#2 String', 'Quality'],
    ],
    [
      ['mail', 'ham or spam'],
      ['mail', undefined, 'ham or spam'],
    ],
    [
      ['what they wrote', 'class'],
      ['what they wrote', undefined, 'class'],
    ],
  ])('guesses from %j', (columns, expected) => {
    expect(chosen(columns)).toEqual(expected);
  });

  it('obeys names, and guesses no second text beside a named first one', () => {
    const columns = ['sentence1', 'sentence2', 'label', 'topic'];
    expect(chosen(columns, { textColumn: 'sentence2' })).toEqual(['sentence2', undefined, 'label']);
    expect(chosen(columns, { labelColumn: 'topic' })).toEqual(['sentence1', 'sentence2', 'topic']);
    expect(chosen(columns, { textColumn: 'label', textPairColumn: 'sentence1' })).toEqual([
      'label',
      'sentence1',
      'topic',
    ]);
    expect(chosen(['body', 'title', 'y'], { textPairColumn: 'title' })).toEqual(['body', 'title', 'y']);
  });

  it('says what it guessed, and only that', () => {
    const table = tableOf('id', 'review', 'sentiment');
    expect(chooseColumns(table, {}).note).toBe(
      'x.csv: took column "review" as text, "sentiment" as label, guessed from the names of the columns ' +
        '(--text-column, --label-column to choose).',
    );
    expect(chooseColumns(table, { textColumn: 'id' }).note).toBe(
      'x.csv: took column "sentiment" as label, guessed from the names of the columns (--label-column to choose).',
    );
    expect(chooseColumns(table, { textColumn: 'id', labelColumn: 'review' }).note).toBeUndefined();
  });

  it.each<[string[], ColumnOptions, string]>([
    [
      ['text', 'lable'],
      { labelColumn: 'label' },
      'usage/option: x.csv: expected a column "label", got columns "text", "lable". Did you mean "lable"?',
    ],
    [
      ['text', 'label'],
      { labelColumn: 'meta' },
      'usage/option: x.csv: expected a column "meta", got objects or arrays in that column. ' +
        'A column has to hold text, numbers or booleans.',
    ],
    [
      ['text', 'label'],
      { textColumn: 'label', labelColumn: 'label' },
      'usage/option: x.csv: expected a column of its own for each of text, second text and label, got "label" twice',
    ],
    [
      ['a', 'b', 'text'],
      {},
      'input/data: x.csv: expected a label column with a usual name (label, labels, class, category, target, …), ' +
        'got columns "a", "b", "text". Name the column with labelColumn (--label-column). ' +
        'Left out, as they hold objects or arrays: "meta".',
    ],
  ])('refuses %j with %j', (columns, options, message) => {
    expect(failure(() => chooseColumns(tableOf(...columns), options))).toBe(message);
  });

  it('takes no row numbers for text, and suspects the delimiter of a single column', () => {
    expect(failure(() => chooseColumns(tableOf('id', 'label'), {}))).toContain('expected a text column');
    expect(failure(() => chooseColumns(tableOf('text'), {}))).toContain('is it the right delimiter?');
  });
});

describe('chooseTextColumns', () => {
  it('needs no label', () => {
    expect(chooseTextColumns(tableOf('whatever'), {})).toMatchObject({ text: 0, textPair: undefined });
    expect(chooseTextColumns(tableOf('label', 'whatever'), {})).toMatchObject({ text: 1 });
    expect(chooseTextColumns(tableOf('label', 'x'), { textColumn: 'label' })).toMatchObject({ text: 0 });
  });
});
