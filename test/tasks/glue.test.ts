import { describe, expect, it } from 'vitest';
import { loadTask, type TaskFiles, type TaskOptions } from '../../src/tasks/load.ts';
import { rejection } from '../data/failure.ts';
import { filesOf } from './files.ts';

async function load(name: string, options: TaskOptions, files: TaskFiles) {
  const task = await loadTask(name, options, files);
  if (task.kind !== 'text-classification') throw new Error(`a task of the kind ${task.kind}`);
  return task;
}

describe('mnli', () => {
  const trainHeader =
    'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t' +
    'sentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label\n';
  const row = (first: string, second: string, label: string): string =>
    `0\t1\t1n\tfiction\t(\t(\t(\t(\t${first}\t${second}\t${label}\t${label}\n`;
  const original =
    'gold_label\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\t' +
    'sentence1\tsentence2\tpromptID\tpairID\tgenre\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\n';
  const originalRow = (first: string, second: string, label: string): string =>
    `${label}\t(\t(\t(\t(\t${first}\t${second}\t1\t1n\tfiction\t${label}\n`;
  const object = (sentence1: string, sentence2: string, gold_label: string): string =>
    `${JSON.stringify({ annotator_labels: [gold_label], gold_label, sentence1, sentence2 })}\n`;
  const files = filesOf({
    'glue/MNLI/train.tsv': trainHeader + row('a', '"b', 'neutral') + row('c', 'd', 'contradiction'),
    'glue/MNLI/dev_matched.tsv': trainHeader + row('e', 'f', 'entailment') + row('x', 'y', '-'),
    'glue/MNLI/dev_mismatched.tsv':
      trainHeader + row('g', 'h', 'neutral') + row('i', 'j', 'neutral') + row('k', 'l', 'entailment'),
    'txt/multinli_1.0_train.txt': original + originalRow('a', '"b', 'neutral'),
    'txt/multinli_1.0_dev_matched.txt':
      original + originalRow('x', 'y', '-') + originalRow('e', 'f', 'entailment'),
    'txt/multinli_1.0_dev_mismatched.txt': original + originalRow('g', 'h', 'neutral'),
    'lines/multinli_1.0_train.jsonl': object('a', '"b', 'neutral'),
    'lines/multinli_1.0_dev_matched.jsonl': object('x', 'y', '-') + object('e', 'f', 'entailment'),
    'lines/multinli_1.0_dev_mismatched.jsonl': object('g', 'h', 'neutral'),
  });

  it.each([
    ['glue', 'glue/MNLI/dev_matched.tsv'],
    ['txt', 'txt/multinli_1.0_dev_matched.txt'],
    ['lines', 'lines/multinli_1.0_dev_matched.jsonl'],
  ])('reads the layout of %s, without the rows that have no label', async (data, source) => {
    const task = await load('mnli', { data }, files);
    expect(task.labels).toEqual(['entailment', 'neutral', 'contradiction']);
    expect(task.train[0]).toEqual({ text: 'a', textPair: '"b', label: 1, subset: 'matched' });
    expect(task.evaluation.slice(0, 2)).toEqual([
      { text: 'e', textPair: 'f', label: 0, subset: 'matched' },
      { text: 'g', textPair: 'h', label: 1, subset: 'mismatched' },
    ]);
    expect(task.notes).toEqual([
      `${source}: left out 1 of 2 rows, on whose label the annotators did not agree.`,
    ]);
  });

  it('scores matched and mismatched on their own, limited and shuffled too', async () => {
    const task = await load('mnli', { data: 'glue' }, files);
    expect(task.primaryMetric).toBe('accuracy_matched');
    expect(task.evaluate(Int32Array.of(0, 1, 0, 1), task.evaluation)).toEqual({
      accuracy_matched: 1,
      accuracy_mismatched: 1 / 3,
    });
    const reversed = task.evaluation.toReversed();
    expect(task.evaluate(Int32Array.of(1, 0, 1, 0), reversed)).toEqual({
      accuracy_matched: 1,
      accuracy_mismatched: 1 / 3,
    });
  });

  it('takes training rows that are held out for matched ones', async () => {
    const twice = row('a', 'b', 'neutral') + row('c', 'd', 'neutral');
    const task = await load(
      'mnli',
      { data: 'd', evalRatio: 0.5 },
      filesOf({ 'd/dev_matched.tsv': '', 'd/train.tsv': trainHeader + twice }),
    );
    expect(task.evaluate(Int32Array.of(1), task.evaluation)).toEqual({ accuracy_matched: 1 });
  });

  it('splits the evaluation files where there are no others, if it is told to', async () => {
    const line = (premise: string, label: string): string =>
      `${JSON.stringify({ premise, hypothesis: 'b', label })}\n`;
    const dev = filesOf({
      'd/mnli_dev.jsonl': Array.from({ length: 10 }, (_, i) => line(`${i}`, 'neutral')).join(''),
      'e/dev_matched.tsv': trainHeader + row('e', 'f', 'neutral').repeat(2),
      'e/dev_mismatched.tsv': trainHeader + row('g', 'h', 'neutral').repeat(2),
    });
    expect(await rejection(load('mnli', { data: 'd' }, dev))).toBe(
      'input/missing-file: d/mnli_train.jsonl: expected the training rows of mnli, got no such file. ' +
        'With --eval-ratio 0.2, say, mnli_dev.jsonl is split into rows to train on and rows to evaluate on.',
    );
    const task = await load('mnli', { data: 'd', evalRatio: 0.2 }, dev);
    expect([task.train.length, task.evaluation.length]).toEqual([8, 2]);
    expect(task.notes.at(-1)).toContain('held out 2 of 10 rows of the evaluation files');
    expect(task.notes.at(-1)).toContain('This split is your own');
    const both = await load('mnli', { data: 'e', evalRatio: 0.5 }, dev);
    expect([...both.train, ...both.evaluation].map(({ text, subset }) => [text, subset]).sort()).toEqual([
      ['e', 'matched'],
      ['e', 'matched'],
      ['g', 'mismatched'],
      ['g', 'mismatched'],
    ]);
    const whole = await load('mnli', { data: 'd', evaluationOnly: true }, dev);
    expect([whole.train.length, whole.evaluation.length]).toEqual([0, 10]);
  });

  it('refuses an unknown label', async () => {
    const broken = filesOf({
      'd/dev_matched.tsv': trainHeader + row('e', 'f', 'hidden'),
      'd/dev_mismatched.tsv': trainHeader + row('e', 'f', 'neutral'),
    });
    expect(await rejection(load('mnli', { data: 'd', evaluationOnly: true }, broken))).toContain(
      'd/dev_matched.tsv:2: expected one of the known labels ("entailment", "neutral", "contradiction"), got "hidden"',
    );
  });
});

describe('qnli', () => {
  const lines = (pairs: readonly (readonly [string, string])[]): string =>
    pairs
      .map(([question, sentence], i) => `${i}\t${question}\t${sentence}\t${i % 2 ? '' : 'not_'}entailment\n`)
      .join('');

  it('splits rows so that a question or sentence is on one side only', async () => {
    const pairs = Array.from({ length: 60 }, (_, i) => [`who ${i % 40}`, `they ${i % 50}`] as const);
    const files = filesOf({ 'd/dev.tsv': `index\tquestion\tsentence\tlabel\n${lines(pairs)}` });
    for (const seed of [0, 1, 2]) {
      const task = await load('qnli', { data: 'd', evalRatio: 0.2, seed }, files);
      const textsOf = (half: typeof task.train) => half.flatMap(({ text, textPair }) => [text, textPair]);
      const trained = new Set(textsOf(task.train));
      expect(textsOf(task.evaluation).filter((text) => trained.has(text))).toEqual([]);
      expect([task.train.length + task.evaluation.length, task.evaluation.length]).toEqual([60, 12]);
      expect(task.notes.at(-1)).toContain(`seed ${seed}, rows that share a text on one side`);
    }
  });
});

describe('qqp', () => {
  const header = 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n';

  it('leaves out rows that are broken in two, and keeps empty questions', async () => {
    const files = filesOf({
      'd/train.tsv': `${header}1\t1\t2\tHow?\tWhy?\t1\n2\t3\t4\tWho\n is it?\tWho?\t0\n3\t5\t6\tWhat?\t\t0\n`,
      'd/dev.tsv': `${header}1\t1\t2\tHow "so?\tWhy?\t0\n`,
    });
    const task = await load('qqp', { data: 'd' }, files);
    expect(task.train).toEqual([
      { text: 'How?', textPair: 'Why?', label: 1 },
      { text: 'What?', textPair: '', label: 0 },
    ]);
    expect(task.notes).toEqual(['d/train.tsv: left out 2 of 4 rows, with missing columns.']);
  });

  it('is the only task that does', async () => {
    const files = filesOf({ 'd/dev.tsv': 'sentence1\tsentence2\tlabel\nHow?\tWhy?\n' });
    expect(await rejection(load('rte', { data: 'd', evaluationOnly: true }, files))).toContain(
      'd/dev.tsv:2: expected 3 fields, as in the header',
    );
  });
});
