import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { trainIn, trainingWords, writeMails } from './mails.ts';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

const tiny = ['--model', fixture('tiny'), '--threads', '1'];
const parse = (lines: string) =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('probabilities are the softmax of the logits that PyTorch gives', async () => {
  // Batch 0 of test/fixtures/bert/make.py.
  const texts = ['borl flim tavu nesk grum pelo wost dinka', 'flim', 'murpeish yalf, kreb!', ''];
  const { tensors } = decodeSafetensors(readFileSync(fixture('expected.safetensors')), 'expected');
  const logits = Array.from(tensors.get('0/logits')!.data, Number);
  const results = parse(
    (await gspf(['predict', ...tiny, ...texts.flatMap((text) => ['--text', text])])).stdout,
  );
  expect(results.map(({ text }) => text)).toEqual(texts);
  for (const [row, { label, score, scores }] of results.entries()) {
    const powers = logits.slice(row * 3, row * 3 + 3).map(Math.exp);
    const sum = powers.reduce((a, b) => a + b);
    expect(Object.keys(scores)).toEqual(['borlish', 'flimmy', 'neither']);
    for (const [i, got] of Object.values<number>(scores).entries()) {
      expect(got).toBeCloseTo(powers[i]! / sum, 5);
    }
    expect(score).toBe(scores[label]);
    expect(score).toBe(Math.max(...Object.values<number>(scores)));
  }
});

test('in 8 bits the scores are a little different ones, those of each text alone', async () => {
  const texts = ['borl flim tavu nesk grum pelo wost dinka', 'flim', 'murpeish yalf, kreb!'];
  const scoresOf = async (some: readonly string[], precision: string): Promise<number[][]> => {
    const words = [...tiny, '--prefix-precision', precision, ...some.flatMap((text) => ['--text', text])];
    return parse((await gspf(['predict', ...words])).stdout).map(({ scores }) => Object.values(scores));
  };
  const [floats, rounded] = [await scoresOf(texts, 'fp32'), await scoresOf(texts, 'int8')];
  expect(rounded).not.toEqual(floats);
  for (const [row, scores] of rounded.entries()) {
    for (const [i, score] of scores.entries()) expect(Math.abs(score - floats[row]![i]!)).toBeLessThan(0.02);
    const [alone] = await scoresOf([texts[row]!], 'int8');
    for (const [i, score] of scores.entries()) expect(alone![i]).toBeCloseTo(score, 5);
  }
  const { status, stderr } = await gspf(['predict', ...tiny, '--prefix-precision', 'int4', '--text', 'a']);
  expect(status).toBe(2);
  expect(stderr).toContain('fp32, int8');
});

test('takes texts from flags, tables, text files and standard input, in their order', async () => {
  const folder = temporaryFolder();
  const lines = join(folder, 'texts.txt');
  writeFileSync(lines, 'borl flim\r\n\r\ntavu\r\n');
  const pairs = join(folder, 'pairs.jsonl');
  writeFileSync(pairs, '{"premise":"borl","hypothesis":"flim"}\n');
  const textsOf = async (words: string[], stdin = '') =>
    parse((await gspf(['predict', ...tiny, ...words], { stdin })).stdout).map(({ text, textPair }) => [
      text,
      textPair,
    ]);
  expect(await textsOf(['--text', 'nesk', lines])).toEqual([
    ['nesk', undefined],
    ['borl flim', undefined],
    ['tavu', undefined],
  ]);
  expect(await textsOf(['-'], 'grum\nwost')).toEqual([
    ['grum', undefined],
    ['wost', undefined],
  ]);
  expect(await textsOf([pairs])).toEqual([['borl', 'flim']]);
  expect(await textsOf([writeMails(folder, 2), '--text-column', 'message'])).toHaveLength(2);
});

test('a run directory is as good as its patch', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const words = ['predict', '--model', fixture('tiny-encoder'), '--text', 'borl chul', '--patch'];
  const byRun = await gspf([...words, run]);
  const byFile = await gspf([...words, join(run, 'patch.safetensors')]);
  expect(byRun.status).toBe(0);
  expect(byRun.stdout).toBe(byFile.stdout);
});

describe('the base of a patch', () => {
  /** A run on a model in `folder/models/enc`, and what its patch predicts. */
  async function runIn(folder: string) {
    const model = join(folder, 'models', 'enc');
    cpSync(fixture('tiny-encoder'), model, { recursive: true });
    const words = trainingWords(folder, 'runs/mails');
    words[words.indexOf('--model') + 1] = model;
    await gspf(words);
    const run = join(folder, 'runs', 'mails');
    const expected = await gspf(['predict', '--model', model, '--patch', run, '--text', 'borl chul']);
    return { model, run, expected: expected.stdout };
  }
  const predictAlone = (patch: string, env = {}) =>
    gspf(['predict', '--patch', patch, '--text', 'borl chul'], { env });

  test('is found where it was, and where it went together with the run', async () => {
    const folder = temporaryFolder();
    const { run, expected } = await runIn(folder);
    const there = await predictAlone(run);
    expect([there.status, there.stdout], there.stderr).toEqual([0, expected]);
    const moved = join(temporaryFolder(), 'moved');
    renameSync(folder, moved);
    mkdirSync(folder);
    expect((await predictAlone(join(moved, 'runs', 'mails'))).stdout).toBe(expected);
    const merged = join(moved, 'merged');
    expect((await gspf(['patch', 'apply', join(moved, 'runs', 'mails'), '--out', merged])).status).toBe(0);
    const words = ['export', '--patch', join(moved, 'runs', 'mails'), '--out', join(moved, 'exported')];
    expect((await gspf(words)).status).toBe(0);
    const weights = ['merged', 'exported'].map((name) =>
      readFileSync(join(moved, name, 'model.safetensors')),
    );
    expect(weights[0]?.equals(weights[1]!)).toBe(true);
  });

  test('is found by the patch alone, beside it and in the cache of the hub', async () => {
    const folder = temporaryFolder();
    const { model, run, expected } = await runIn(folder);
    const patch = join(folder, 'mails.safetensors');
    renameSync(join(run, 'patch.safetensors'), patch);
    expect((await predictAlone(patch)).stdout).toBe(expected);
    const beside = join(folder, 'enc');
    renameSync(model, beside);
    expect((await predictAlone(patch)).stdout).toBe(expected);
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const snapshot = join(folder, 'cache', 'models--acme--enc', 'snapshots', commit);
    mkdirSync(dirname(snapshot), { recursive: true });
    renameSync(beside, snapshot);
    expect((await predictAlone(patch, { HF_HUB_CACHE: join(folder, 'cache') })).stdout).toBe(expected);
  });

  test('that is another or nowhere is named, with what was found', async () => {
    const folder = temporaryFolder();
    const { model, run } = await runIn(folder);
    cpSync(fixture('tiny'), model, { recursive: true });
    const other = await predictAlone(run, { HF_HOME: folder });
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringMatching(/enc has sha256 .*\[input\/patch-base\]/),
    ]);
    rmSync(model, { recursive: true });
    const { stderr } = await predictAlone(run, { HF_HOME: folder });
    expect(stderr).toMatch(
      /expected "enc" with sha256 [0-9a-f]{64}, got no such model .*\n {2}hint: Give it with --model/,
    );
    expect((await gspf(['predict', '--text', 'x'])).stderr).toContain(
      'expected --model, or --patch, got neither',
    );
  });
});

test('eval scores a finished run as the run did', async () => {
  const folder = temporaryFolder();
  const data = writeMails(folder, 40, 'new.csv');
  const words = [
    'train',
    '--model',
    fixture('tiny-encoder'),
    '--task',
    'text-classification',
    '--threads',
    '1',
  ];
  const run = join(folder, 'run');
  const trained = await gspf([
    ...words,
    '--data',
    writeMails(folder),
    '--eval-data',
    data,
    '--out',
    run,
    '--json',
    '--ratio',
    '5%',
    '--batch-size',
    '8',
    '--lr',
    '0.02',
  ]);
  const scored = await gspf(['eval', ...words.slice(1), '--patch', run, '--data', data, '--json', '--quiet']);
  expect(scored.stderr).toBe('');
  const { metrics, examples } = JSON.parse(scored.stdout);
  expect(examples).toBe(40);
  expect(metrics).toEqual(JSON.parse(trained.stdout).metrics);
});

test('without texts or without a classifier it says what is missing', async () => {
  expect((await gspf(['predict', ...tiny])).stderr).toContain(
    'expected texts: --text, a file, or - for standard input',
  );
  expect((await gspf(['predict', ...tiny, '-'])).status).toBe(2);
  const base = await gspf(['predict', '--model', fixture('tiny-encoder'), '--text', 'borl']);
  expect(base.stderr).toContain('expected a classifier with label names, got a base model [input/model]');
});
