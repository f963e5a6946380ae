import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../src/data/delimited.ts';
import type { Table } from '../../src/data/table.ts';
import { loadStsb, loadTextRegression } from '../../src/tasks/load-text-regression.ts';
import { type TextRegressionOptions, textRegression } from '../../src/tasks/text-regression.ts';
import { failure, rejection } from '../data/failure.ts';
import { sharedPath } from '../data/shared-files.ts';
import { disk, filesOf } from './files.ts';

function reviews(targets: readonly string[], source = 'reviews.csv'): Table {
  return parseCsv(
    ['text,score', ...targets.map((target, row) => `review ${row},${target}`)].join('\n'),
    source,
  );
}

const twenty = reviews(Array.from({ length: 20 }, (_, row) => `${row / 4}`));

describe('textRegression', () => {
  it('reads numbers as they are written', () => {
    const table = reviews(['1', '-2.5', '.5', '3.', '+1e-3', ' 4 ']);
    const task = textRegression(table, { seed: 0, evalTable: table });
    expect(task.train.map(({ target }) => target)).toEqual([1, -2.5, 0.5, 3, 0.001, 4]);
    expect(task.evaluation).toEqual(task.train);
  });

  it('holds out a tenth by the seed and says so', () => {
    const task = textRegression(twenty, { seed: 7 });
    expect([task.train.length, task.evaluation.length]).toEqual([18, 2]);
    for (const { text, target } of [...task.train, ...task.evaluation]) {
      expect(target).toBe(Number(text.slice('review '.length)) / 4);
    }
    expect(task.notes).toEqual([
      'reviews.csv: took column "text" as text, "score" as label, guessed from the names of the columns ' +
        '(--text-column, --label-column to choose).',
      'reviews.csv: held out 2 of 20 rows for evaluation (evaluation ratio 0.1, seed 7).',
    ]);
    expect(textRegression(twenty, { seed: 7 }).evaluation).toEqual(task.evaluation);
    expect(textRegression(twenty, { seed: 8 }).evaluation).not.toEqual(task.evaluation);
  });

  it('reads pairs, and evaluates by the names of the columns found in training', () => {
    const table = parseCsv('id,sentence1,sentence2,similarity\n1,a,b,0.5\n2,c,d,1\n', 'pairs.csv');
    const evalTable = parseCsv('similarity,sentence2,sentence1\n2,y,x\n', 'eval.csv');
    const task = textRegression(table, { seed: 0, evalTable });
    expect(task.train[0]).toEqual({ text: 'a', textPair: 'b', target: 0.5 });
    expect(task.evaluation).toEqual([{ text: 'x', textPair: 'y', target: 2 }]);
  });

  it('scores by correlation and error', () => {
    const task = textRegression(twenty, { seed: 0 });
    const expected = [1, 2, 3, 4].map((target) => ({ text: '', target }));
    // Deviations −2, −1, 0, 3 and −1.5, −0.5, 0.5, 1.5: Σ = 8, √(14 · 5).
    expect(task.evaluate([1, 2, 3, 6], expected)).toEqual({
      pearson: expect.closeTo(8 / Math.sqrt(70), 12),
      spearman: expect.closeTo(1, 12),
      mse: 1,
      mae: 0.5,
    });
    expect(task.primaryMetric).toBe('pearson');
  });

  it.each<[string, Table, Partial<TextRegressionOptions>, string]>([
    [
      'NaN',
      reviews(['1', 'NaN']),
      {},
      'input/data: reviews.csv:3: expected a finite number in column "score", got "NaN". ' +
        'Leave out the rows without a number.',
    ],
    [
      'Infinity',
      reviews(['1', '-Infinity']),
      {},
      'reviews.csv:3: expected a finite number in column "score", got "-Infinity"',
    ],
    ['a number beyond float64', reviews(['1e999', '1']), {}, 'reviews.csv:2: expected a finite number'],
    [
      'an empty field',
      reviews(['1', '2', ' ']),
      {},
      'reviews.csv:4: expected a finite number in column "score", got an empty field',
    ],
    ['a word', reviews(['good', '1']), {}, 'are for the task text-classification'],
    [
      'what only JavaScript takes for a number',
      reviews(['0x10', '1']),
      {},
      'reviews.csv:2: expected a finite number',
    ],
    ['a decimal comma', reviews(['"1,5"', '1']), {}, 'Write a decimal point in place of the comma.'],
    [
      'targets that are all alike',
      reviews(['2', '2.0']),
      {},
      'at least two different numbers in column "score", got only 2',
    ],
    [
      'a row without text',
      parseCsv('text,score\n,1\nb,2\n', 'x.csv'),
      {},
      'x.csv:2: expected text in column "text"',
    ],
    [
      'a wrong evaluation row',
      twenty,
      { evalTable: reviews(['nan'], 'eval.csv') },
      'eval.csv:2: expected a finite',
    ],
    [
      'an evaluation ratio of 1',
      twenty,
      { evalRatio: 1 },
      'usage/option: evalRatio: expected a fraction between 0 and 1',
    ],
    ['a column that is not there', twenty, { labelColumn: 'scores' }, 'Did you mean "score"?'],
  ])('refuses %s', (_, table, options, message) => {
    expect(failure(() => textRegression(table, { seed: 0, ...options }))).toContain(message);
  });
});

describe('loadTextRegression', () => {
  const files = filesOf({
    'a.csv': 'text,score\na,1\nb,2\nc,3\nd,4\n',
    'b.jsonl': '{"text": "e", "score": 2.5}\n{"text": "f", "score": null}\n',
    'c.jsonl': '{"text": "e", "score": 2.5}\n',
  });

  it('reads tables, to evaluate on alone too', async () => {
    const task = await loadTextRegression({ data: 'a.csv', evalData: 'c.jsonl', limitTrain: 2 }, files);
    expect(task.evaluation).toEqual([{ text: 'e', target: 2.5 }]);
    expect(task.train).toHaveLength(2);
    const evaluation = await loadTextRegression({ data: 'c.jsonl', evaluationOnly: true }, files);
    expect([evaluation.train.length, evaluation.evaluation.length]).toEqual([0, 1]);
    const split = await loadTextRegression({ data: 'a.csv', evalRatio: 0.5, seed: 2 }, files);
    expect([split.train.length, split.evaluation.length]).toEqual([2, 2]);
  });

  it('names the line of a null', async () => {
    expect(await rejection(loadTextRegression({ data: 'a.csv', evalData: 'b.jsonl' }, files))).toContain(
      'b.jsonl:2: expected a finite number in column "score", got an empty field',
    );
  });
});

describe('stsb', () => {
  const release = 'main-captions\tMSRvid\t2012test\t0001\t5.000\tA "plane".\tA jet.\n';
  const withSources = 'main-news\thead\t2016\t7\t1.25\tOne.\tTwo.\thttp://a\thttp://b\n';
  const files = filesOf({
    'tsv/sts-train.tsv': release + withSources,
    'tsv/sts-dev.tsv': withSources,
    'csv/sts-train.csv': release,
    'csv/sts-dev.csv': withSources,
    'glue/STS-B/train.tsv':
      'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n' +
      '0\tmain-captions\tMSRvid\t2012test\t0001\tnone\tnone\tA "plane".\tA jet.\t5.000\n',
    'glue/STS-B/dev.tsv': 'index\tsentence1\tsentence2\tscore\n0\tOne.\tTwo.\t1.25\n',
    'test/sts-dev.tsv': 'main-captions\tMSRvid\t2012test\t0001\t5.0\tA plane.\n',
    'test/sts-train.tsv': release,
  });
  const plane = { text: 'A "plane".', textPair: 'A jet.', target: 5 };
  const one = { text: 'One.', textPair: 'Two.', target: 1.25 };

  it.each(['tsv', 'csv', 'glue'])('reads the layout of %s', async (data) => {
    const task = await loadStsb({ data }, files);
    expect(task).toMatchObject({ kind: 'text-regression', name: 'stsb', primaryMetric: 'pearson' });
    expect([task.train[0], task.evaluation]).toEqual([plane, [one]]);
    expect(Object.keys(task.evaluate([1], task.evaluation))).toEqual(['pearson', 'spearman']);
  });

  it('names the line of a row without second sentence', async () => {
    expect(await rejection(loadStsb({ data: 'test' }, files))).toContain(
      'test/sts-dev.tsv:1: expected text in column "sentence2", got an empty field',
    );
  });

  const directory = sharedPath('data/glue/stsb');
  it.skipIf(directory === undefined)('has 5,749 training and 1,500 evaluation pairs', async () => {
    const task = await loadStsb({ data: directory }, disk);
    expect([task.train.length, task.evaluation.length]).toEqual([5749, 1500]);
    const held = await loadStsb({ data: directory, evalRatio: 0.1, seed: 1 }, disk);
    expect([held.train.length, held.evaluation.length]).toEqual([5174, 575]);
    expect(held.notes[0]).toContain('Held out 575 of 5749 training rows');
    const download = filesOf({
      'd/train.tsv': await disk.readText(`${directory}/glue_train.tsv`),
      'd/dev.tsv': await disk.readText(`${directory}/glue_train.tsv`),
    });
    const both = await loadStsb({ data: 'd' }, download);
    expect(both.train.map(({ target }) => target)).toEqual(task.train.map(({ target }) => target));
  });
});
