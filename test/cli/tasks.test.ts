import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { argv, fixture, gspf, temporaryFolder } from './terminal.ts';

const tiny = ['--model', fixture('tiny-encoder'), '--threads', '1'];
const short = ['--epochs', '2', '--ratio', '20%', '--batch-size', '4', '--lr', '0.01'];

const sentence = (i: number): string =>
  [
    ['chul', 'O'],
    [i % 2 === 0 ? 'flim' : 'tavu', 'B-PER'],
    ['nesk', 'I-PER'],
    ['grum', 'O'],
  ]
    .map((row) => row.join(' '))
    .join('\n');

test('token classification: train, eval and predict', async () => {
  const folder = temporaryFolder();
  const data = join(folder, 'names.conll');
  writeFileSync(data, Array.from({ length: 20 }, (_, i) => `${sentence(i)}\n\n`).join(''));
  const run = join(folder, 'run');
  const task = ['--task', 'token-classification', '--data', data];
  const trained = await gspf(['train', ...tiny, ...task, ...short, '--out', run]);
  expect(trained.status, trained.stderr).toBe(0);
  expect(trained.stdout).toMatch(/^F1 +\d+\.\d\d %$/m);
  expect(trained.stdout).toContain('--task token-classification --data NEW.conll');

  const scored = await gspf(['eval', ...tiny, '--patch', run, ...task]);
  expect(scored.status, scored.stderr).toBe(0);
  expect(scored.stdout).toMatch(/^F1 PER +\d+\.\d\d %$/m);
  expect(scored.stdout).toMatch(/^B-PER .* 20$/m);
  const { labels, confusion } = JSON.parse(
    (await gspf(['eval', ...tiny, '--patch', run, ...task, '--json'])).stdout,
  );
  expect(labels).toEqual(['O', 'B-PER', 'I-PER']);
  expect(confusion.flat().reduce((a: number, b: number) => a + b)).toBe(80);

  const predicted = await gspf(['predict', ...tiny, '--patch', run, '--text', 'chul flim nesk']);
  expect(predicted.status, predicted.stderr).toBe(0);
  const { text, words } = JSON.parse(predicted.stdout);
  expect(words.map(({ start, end }: { start: number; end: number }) => text.slice(start, end))).toEqual(
    words.map((word: { text: string }) => word.text),
  );
  const pair = await gspf(['predict', ...tiny, '--patch', run, '--text', 'a', '--text-pair', 'b']);
  expect(pair.stderr).toContain('expected one text, got a pair of texts');
});

test('masked language modelling: train, eval and predict', async () => {
  const folder = temporaryFolder();
  const data = join(folder, 'notes.txt');
  writeFileSync(
    data,
    Array.from({ length: 20 }, (_, i) => `chul ${i % 2 === 0 ? 'flim nesk' : 'grum tavu'}\n`).join(''),
  );
  const run = join(folder, 'run');
  const task = ['--task', 'masked-lm', '--data', data];
  const trained = await gspf(['train', ...tiny, ...task, ...short, '--out', run]);
  expect(trained.status, trained.stderr).toBe(0);
  expect(trained.stdout).toMatch(/^perplexity +\d+\.\d{4}$/m);
  expect(trained.stdout).toContain("--text 'A text with a [MASK]'");
  const scored = await gspf(['eval', ...tiny, '--patch', run, ...task]);
  expect(scored.status, scored.stderr).toBe(0);
  expect(scored.stdout).toMatch(/^accuracy +\d+\.\d\d %$/m);

  const predicted = await gspf(['predict', ...tiny, '--patch', run, '--text', 'chul [MASK] nesk']);
  expect(predicted.status, predicted.stderr).toBe(0);
  const { text, masks } = JSON.parse(predicted.stdout);
  expect([text, masks.length, masks[0].length]).toEqual(['chul [MASK] nesk', 1, 5]);
  for (const { token, sequence } of masks[0]) expect(sequence).toContain(token.replace('##', ''));
  const none = await gspf(['predict', ...tiny, '--patch', run, '--text', 'chul']);
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('[MASK]')]);
});

test.each([
  ['text-classification', 'text,label\na,x\nb,y\n', 'mails.csv'],
  ['masked-lm', 'a\nb\n', 'notes.txt'],
])('eval %s of a base model says that it has no such head', async (task, text, file) => {
  const data = join(temporaryFolder(), file);
  writeFileSync(data, text);
  const { status, stderr } = await gspf(['eval', ...tiny, '--task', task, '--data', data]);
  expect(status, stderr).toBe(2);
  expect(stderr).not.toContain('at ');
});

test.each([
  [
    'text-classification',
    'mails.csv',
    (i: number) => `${i % 2 ? 'flim' : 'tavu'} ${i},${i % 2 ? 'x' : 'y'}`,
    'text,label',
  ],
  ['text-regression', 'stars.csv', (i: number) => `${i % 2 ? 'flim' : 'tavu'} ${i},${i % 5}`, 'text,score'],
  ['token-classification', 'names.conll', sentenceBlock, ''],
  ['masked-lm', 'notes.txt', (i: number) => `chul flim ${i}`, ''],
  ['question-answering', 'questions.jsonl', questionLine, ''],
])(
  'eval %s scores the rows that a split held out, by the seed of the run',
  async (task, file, line, header) => {
    const folder = temporaryFolder();
    const data = join(folder, file);
    const lines = Array.from({ length: 20 }, (_, i) => line(i));
    writeFileSync(data, [...(header === '' ? [] : [header]), ...lines, ''].join('\n'));
    const run = join(folder, 'run');
    const words = ['--task', task, '--data', data, '--eval-ratio', '0.3'];
    const trained = await gspf(['train', ...tiny, ...words, ...short, '--out', run, '--seed', '7', '--json']);
    expect(trained.status, trained.stderr).toBe(0);
    const { metrics, task: trainedTask } = JSON.parse(trained.stdout);
    const evaluate = ['eval', ...tiny, '--patch', run, ...words, '--json'];
    const scored = await gspf(evaluate);
    const { examples, metrics: again } = JSON.parse(scored.stdout);
    expect(examples).toBe(trainedTask.evaluationExamples);
    for (const [name, value] of Object.entries(again)) expect(value, name).toBeCloseTo(metrics[name], 6);
    expect(scored.stderr).toContain(`These are the rows that ${run} was evaluated on.`);
    const others = await gspf([...evaluate, '--seed', '8']);
    expect(others.stderr).toContain(`These are not the rows that ${run} was evaluated on`);
  },
);

function sentenceBlock(i: number): string {
  return `${sentence(i)}\n`;
}

function questionLine(i: number): string {
  const context = `chul ${i} flim nesk`;
  return JSON.stringify({ question: 'grum', context, answers: [i % 2 === 0 ? 'flim' : 'nesk'] });
}

test('question answering: train tells how to ask, and that works', async () => {
  const folder = temporaryFolder();
  const data = join(folder, 'questions.jsonl');
  const row = (i: number): string =>
    JSON.stringify({ question: 'chul', context: `${i % 2 === 0 ? 'flim' : 'tavu'} nesk`, answers: ['nesk'] });
  writeFileSync(data, Array.from({ length: 20 }, (_, i) => `${row(i)}\n`).join(''));
  const run = join(folder, 'run');
  const task = ['--task', 'question-answering', '--data', data, '--eval-ratio', '0.5'];
  const trained = await gspf(['train', ...tiny, ...task, ...short, '--out', run]);
  expect(trained.status, trained.stderr).toBe(0);
  const [line = ''] = /gspf predict .*/.exec(trained.stdout) ?? [];
  const asked = await gspf(argv(line).slice(1));
  expect(asked.status, asked.stderr).toBe(0);
  const { text, textPair } = JSON.parse(asked.stdout);
  expect(textPair).toContain(text);
});
