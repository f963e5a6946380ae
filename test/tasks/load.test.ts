import { describe, expect, it } from 'vitest';
import { limitRows } from '../../src/data/split.ts';
import { loadTask, type TaskFiles, type TaskOptions } from '../../src/tasks/load.ts';
import { rejection } from '../data/failure.ts';
import { sharedPath } from '../data/shared-files.ts';
import { disk, filesOf } from './files.ts';
import { labelled } from './labelled.ts';

const dev = 'sentence\tlabel\na "quoted film\t1\n"bad"\t0\n';
const train = 'sentence\tlabel\none \t0\ntwo \t1\nthree \t1\n';
const files = filesOf({
  'sst/train.tsv': train,
  'sst/dev.tsv': dev,
  'glue/SST-2/train.tsv': train,
  'glue/SST-2/dev.tsv': dev,
  'mails.csv': 'text,label\na,x\nb,y\nc,x\nd,y\n',
  'eval.jsonl': '{"label": "y", "text": "e"}\n',
  'plain.txt': 'hello',
});

async function loadClassification(name: string, options: TaskOptions, from: TaskFiles) {
  const task = await loadTask(name, options, from);
  if (task.kind !== 'text-classification') throw new Error(`a task of the kind ${task.kind}`);
  return task;
}

describe('sst2', () => {
  it('reads the official files with their quotes', async () => {
    const task = await loadClassification('sst2', { data: 'sst/' }, files);
    expect(task).toMatchObject({ name: 'sst2', labels: ['negative', 'positive'], primaryMetric: 'accuracy' });
    expect(task.train.map(({ label }) => label)).toEqual([0, 1, 1]);
    expect(task.evaluation).toEqual([
      { text: 'a "quoted film', label: 1 },
      { text: '"bad"', label: 0 },
    ]);
    expect(await loadClassification('sst2', { data: 'glue' }, files)).toMatchObject({ train: task.train });
  });

  it('needs only dev.tsv to evaluate', async () => {
    const task = await loadClassification(
      'sst2',
      { data: 'd', evaluationOnly: true },
      filesOf({ 'd/dev.tsv': dev }),
    );
    expect([task.train.length, task.evaluation.length]).toEqual([0, 2]);
  });

  const directory = sharedPath('data/glue/sst2');
  it.skipIf(directory === undefined)('has 67,349 training and 872 evaluation sentences', async () => {
    const task = await loadClassification('sst2', { data: directory, limitTrain: 1000 }, disk);
    expect(task.evaluation).toHaveLength(872);
    expect(task.evaluation.filter(({ label }) => label === 1)).toHaveLength(444);
    expect(task.train).toHaveLength(1000);
    expect(task.notes).toEqual(['Limited to the first 1000 of 67349 training rows of a seed-0 shuffle.']);
  });

  it('names the line of a wrong label, and the columns that should be there', async () => {
    const broken = filesOf({
      'd/dev.tsv': 'sentence\tlabel\na\t2\n',
      'e/dev.tsv': 'index\tsentence\n0\ta\n',
    });
    expect(await rejection(loadTask('sst2', { data: 'd', evaluationOnly: true }, broken))).toBe(
      'input/data: d/dev.tsv:2: expected one of the known labels ("0", "1"), got "2" in column "label". ' +
        'Known: 0, 1.',
    );
    expect(await rejection(loadTask('sst2', { data: 'e', evaluationOnly: true }, broken))).toContain(
      'expected the columns "sentence" and "label" of the official SST-2 files, got "index", "sentence"',
    );
  });
});

describe('the tasks of GLUE', () => {
  const glue = sharedPath('data/glue');
  it.skipIf(glue === undefined)('has the published numbers of rows', async () => {
    const cola = await loadClassification('cola', { data: `${glue}/cola` }, disk);
    expect([cola.train.length, cola.evaluation.length]).toEqual([8551, 1043]);
    expect(cola.train.filter(({ label }) => label === 1)).toHaveLength(6023);
    const mrpc = await loadClassification('mrpc', { data: `${glue}/mrpc` }, disk);
    expect([mrpc.train.length, mrpc.evaluation.length]).toEqual([4076, 1725]);
    expect(mrpc.evaluation.filter(({ label }) => label === 1)).toHaveLength(1147);
    expect(mrpc.train[0]?.textPair).toMatch(/^Referring to him as only "the witness"/);
    const qnli = await loadClassification('qnli', { data: `${glue}/qnli`, evaluationOnly: true }, disk);
    expect(qnli.evaluation.filter(({ label }) => label === 0)).toHaveLength(2702);
  });

  it('reads the original release and the GLUE download', async () => {
    const header = 'Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n';
    const rows = `${header}1\t1\t2\ta\tb\n0\t3\t4\tc\td\n`;
    const both = filesOf({
      'original/msr_paraphrase_train.txt': rows,
      'original/msr_paraphrase_test.txt': rows,
      'glue/MRPC/train.tsv': rows,
      'glue/MRPC/dev.tsv': rows,
      'glue/CoLA/train.tsv': 'x\t1\t\tShe ran.\n',
      'glue/CoLA/dev.tsv': 'x\t0\t*\tRan she "did.\n',
    });
    const expected = [
      { text: 'a', textPair: 'b', label: 1 },
      { text: 'c', textPair: 'd', label: 0 },
    ];
    expect((await loadClassification('mrpc', { data: 'original' }, both)).evaluation).toEqual(expected);
    expect((await loadClassification('mrpc', { data: 'glue' }, both)).train).toEqual(expected);
    const cola = await loadClassification('cola', { data: 'glue' }, both);
    expect(cola.evaluation).toEqual([{ text: 'Ran she "did.', label: 0 }]);
    expect(cola.primaryMetric).toBe('matthews');
    expect(cola.evaluate(Int32Array.of(1, 0, 1, 0), labelled(1, 0, 0, 1))).toEqual({
      matthews: 0,
      accuracy: 0.5,
    });
  });

  it('holds out training rows for choices that must not see the official split', async () => {
    const task = await loadClassification('sst2', { data: 'sst', evalRatio: 1 / 3 }, files);
    expect([task.train.length, task.evaluation.length]).toEqual([2, 1]);
    expect(task.notes).toEqual([
      'Held out 1 of 3 training rows for evaluation (evaluation ratio 0.3333333333333333, stratified by label, ' +
        'seed 0); the official evaluation files are not used.',
    ]);
  });
});

describe('text-classification', () => {
  it('reads tables by the endings of their names', async () => {
    const task = await loadClassification(
      'text-classification',
      { train: 'mails.csv', evalData: 'eval.jsonl' },
      files,
    );
    expect(task.labels).toEqual(['x', 'y']);
    expect(task.train).toHaveLength(4);
    expect(task.evaluation).toEqual([{ text: 'e', label: 1 }]);
    const split = await loadClassification(
      'text-classification',
      { data: 'mails.csv', evalRatio: 0.5, seed: 3 },
      files,
    );
    expect([split.train.length, split.evaluation.length]).toEqual([2, 2]);
    expect(split.notes[1]).toContain('evaluation ratio 0.5, stratified by label, seed 3');
  });

  it('limits rows by a seed-0 shuffle whatever the seed of the split', async () => {
    const options = { train: 'mails.csv', evalData: 'mails.csv', limitTrain: 2, limitEval: 9, seed: 5 };
    const task = await loadClassification('text-classification', options, files);
    expect(task.train.map(({ text }) => text)).toEqual(Array.from(limitRows(4, 2), (row) => 'abcd'[row]));
    expect(task.evaluation).toHaveLength(4);
    expect(task.notes.at(-1)).toBe('Limited to the first 2 of 4 training rows of a seed-0 shuffle.');
  });

  it('evaluates a whole table under known labels', async () => {
    const options = { data: 'mails.csv', evaluationOnly: true, labels: ['y', 'x'] };
    const task = await loadClassification('text-classification', options, files);
    expect(task.evaluation.map(({ label }) => label)).toEqual([1, 0, 1, 0]);
    expect(task.train).toEqual([]);
  });
});

it.each<[string, TaskOptions, string]>([
  [
    'sst-2',
    {},
    'usage/option: task: expected one of cola, sst2, mrpc, qnli, mnli, qqp, rte, wnli, stsb, squad, text-classification, text-regression, token-classification, question-answering, masked-lm, arrays, tabular-classification, tabular-regression, got "sst-2". Did you mean "sst2"?',
  ],
  [
    'constructor',
    {},
    'usage/option: task: expected one of cola, sst2, mrpc, qnli, mnli, qqp, rte, wnli, stsb, squad, text-classification, text-regression, token-classification, question-answering, masked-lm, arrays, tabular-classification, tabular-regression, got "constructor"',
  ],
  [
    'sst2',
    {},
    'usage/option: task sst2: expected data (--data), the directory of train.tsv, dev.tsv, got none',
  ],
  [
    'sst2',
    { data: 'mails.csv' },
    'usage/option: mails.csv: expected the directory of train.tsv, dev.tsv, got no directory',
  ],
  [
    'sst2',
    { data: 'sst', evalData: 'mails.csv' },
    'usage/option: evalData: expected no such option with task sst2',
  ],
  ['sst2', { data: 'sst', limitTrain: 0 }, 'usage/option: row limit: expected a positive integer, got 0'],
  [
    'text-classification',
    {},
    'usage/option: task text-classification: expected data (--data), the table to train on',
  ],
  [
    'text-classification',
    { data: 'sst' },
    'usage/option: sst: expected a file with a table, got a directory',
  ],
  [
    'text-classification',
    { data: 'plain.txt' },
    'usage/option: plain.txt: expected a file that ends in .csv, .tsv',
  ],
  [
    'text-classification',
    { data: 'a.csv', train: 'b.csv' },
    'usage/option: data: expected one of data and train',
  ],
  [
    'text-classification',
    { data: 'mails.csv', evalData: 'eval.jsonl', evalRatio: 0.2 },
    'usage/option: evalRatio: expected either evalData or evalRatio, got both',
  ],
  [
    'text-classification',
    { data: 'mails.csv', evaluationOnly: true },
    "usage/option: labels: expected the model's label names, to evaluate it, got none",
  ],
])('loadTask refuses %s with %j', async (name, options, message) => {
  expect((await rejection(loadTask(name, options, files))).startsWith(message)).toBe(true);
});
