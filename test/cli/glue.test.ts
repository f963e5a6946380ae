import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

const tiny = ['--model', fixture('tiny-encoder'), '--threads', '1'];
const words = ['borl', 'flim', 'tavu', 'nesk', 'grum', 'pelo'];

/** The files of two tasks in the layout of the GLUE download. */
function writeGlue(folder: string): string {
  const word = (i: number): string => words[i % words.length] ?? '';
  const cola = Array.from({ length: 12 }, (_, i) => `gj04\t${i % 2}\t\t${word(i)} ${word(i * 2)}`);
  const pairs = Array.from({ length: 12 }, (_, i) => `${i}\t${word(i)}\t${word(i * 2)}\t${(i % 5) + 0.5}`);
  for (const [task, header, rows] of [
    ['CoLA', [], cola],
    ['STS-B', ['index\tsentence1\tsentence2\tscore'], pairs],
  ] as const) {
    mkdirSync(join(folder, task));
    for (const file of ['train.tsv', 'dev.tsv']) {
      writeFileSync(join(folder, task, file), [...header, ...rows, ''].join('\n'));
    }
  }
  return folder;
}

test('eval --task glue scores a run of each task, and averages as the benchmark does', async () => {
  const data = writeGlue(temporaryFolder());
  const runs = join(temporaryFolder(), 'runs');
  const short = ['--epochs', '2', '--ratio', '20%', '--batch-size', '4', '--lr', '0.01'];
  for (const [task, folder] of [
    ['cola', 'CoLA'],
    ['stsb', 'STS-B'],
  ] as const) {
    const words = ['--task', task, '--data', join(data, folder), '--out', join(runs, task)];
    const { status, stderr } = await gspf(['train', ...tiny, ...words, ...short]);
    expect(status, stderr).toBe(0);
  }
  const metricsOf = async (task: string, folder: string): Promise<Record<string, number>> => {
    const words = ['--patch', join(runs, task), '--task', task, '--data', join(data, folder), '--json'];
    return JSON.parse((await gspf(['eval', ...tiny, ...words])).stdout).metrics;
  };
  const cola = await metricsOf('cola', 'CoLA');
  const stsb = await metricsOf('stsb', 'STS-B');
  const glue = ['eval', ...tiny, '--patch', runs, '--task', 'glue', '--data', data];
  const { stdout, stderr } = await gspf([...glue, '--json']);
  const { tasks, average, missing } = JSON.parse(stdout);
  const similarity = (stsb['pearson']! + stsb['spearman']!) / 2;
  expect(tasks).toEqual([
    { task: 'cola', examples: 12, metrics: { matthews: cola['matthews'] }, score: cola['matthews'] },
    {
      task: 'stsb',
      examples: 12,
      metrics: { pearson: stsb['pearson'], spearman: stsb['spearman'] },
      score: similarity,
    },
  ]);
  expect(average).toBe((cola['matthews']! + similarity) / 2);
  expect(missing).toEqual(['sst2', 'mrpc', 'qqp', 'mnli', 'qnli', 'rte', 'wnli']);
  expect(stderr).toContain('The average is not that of the benchmark.');
  expect((await gspf(glue)).stdout).toMatch(/^average +-?\d+\.\d {2}2 of 9 tasks$/m);
});

test('without runs or data it says how to make them', async () => {
  const glue = ['eval', ...tiny, '--task', 'glue'];
  expect((await gspf(glue)).stderr).toContain('expected --data, a folder with one for each task');
  const none = await gspf([...glue, '--patch', 'runs', '--data', temporaryFolder()]);
  expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('gspf train --task cola')]);
});
