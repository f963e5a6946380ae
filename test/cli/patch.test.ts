import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { bytesOf } from '../../src/tensor.ts';
import { trainIn, trainingWords } from './mails.ts';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

const base = fixture('tiny-encoder');

/** The bytes of each tensor of a model, under names without the encoder's prefix. */
function tensorsOf(directory: string): ReadonlyMap<string, string> {
  const bytes = readFileSync(join(directory, 'model.safetensors'));
  return new Map(
    [...decodeSafetensors(bytes, directory).tensors]
      .filter(([name]) => !name.endsWith('position_ids'))
      .map(([name, tensor]) => [name.replace(/^bert\./, ''), Buffer.from(bytesOf(tensor)).toString('hex')]),
  );
}

test('apply then revert restores every tensor and the config to the bit', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const merged = join(folder, 'merged');
  const again = join(folder, 'again');
  expect((await gspf(['patch', 'apply', run, '--model', base, '--out', merged])).status).toBe(0);
  const differing = [...tensorsOf(merged)].filter(([name, bytes]) => tensorsOf(base).get(name) !== bytes);
  expect(differing.length).toBeGreaterThan(2);
  expect((await gspf(['patch', 'revert', merged, '--out', again])).status).toBe(0);
  const sorted = (tensors: ReadonlyMap<string, string>) => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sorted(tensorsOf(again))).toEqual(sorted(tensorsOf(base)));
  expect(readFileSync(join(again, 'config.json'))).toEqual(readFileSync(join(base, 'config.json')));
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('merged predicts what base and patch predict, to the bit', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const merged = join(folder, 'merged');
  await gspf(['patch', 'apply', run, '--model', base, '--out', merged]);
  const words = ['predict', '--threads', '1', '--text', 'borl chul', '--text', 'trask'];
  const apart = await gspf([...words, '--model', base, '--patch', run]);
  expect((await gspf([...words, '--model', merged])).stdout).toBe(apart.stdout);
});

test('diff of merged and base is a patch that leads from one to the other', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const [merged, second, patch] = ['merged', 'second', 'diff.safetensors'].map((name) => join(folder, name));
  await gspf(['patch', 'apply', run, '--model', base, '--out', merged!]);
  expect((await gspf(['patch', 'diff', base, merged!, '--out', patch!])).status).toBe(0);
  await gspf(['patch', 'apply', patch!, '--model', base, '--out', second!]);
  expect(readFileSync(join(second!, 'model.safetensors'))).toEqual(
    readFileSync(join(merged!, 'model.safetensors')),
  );
  const refused = await gspf(['patch', 'diff', base, merged!, '--out', patch!]);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[input/exists]')]);
});

test('patches of one base are compared and merged', async () => {
  const folder = temporaryFolder();
  await gspf([...trainingWords(folder, 'a'), '--seed', '1']);
  await gspf([...trainingWords(folder, 'b'), '--seed', '2']);
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  const { overlaps } = JSON.parse((await gspf(['patch', 'diff', a, b, '--json'])).stdout);
  expect(overlaps).toContainEqual({
    name: 'classifier.weight',
    shared: 32,
    conflicting: 32,
    incomparable: false,
  });
  const out = join(folder, 'both.safetensors');
  const refused = await gspf(['patch', 'merge', a, b, '--out', out]);
  expect([refused.status, refused.stderr]).toEqual([
    2,
    expect.stringMatching(
      /got conflicts in \d+ tensors: bert\.[\w.]+ \(\d+\), .*\[input\/patch\]\n {2}hint: Choose with --prefer/,
    ),
  ]);
  expect(existsSync(out)).toBe(false);
  const merged = await gspf(['patch', 'merge', a, b, '--prefer', 'mean', '--out', out, '--json']);
  expect(JSON.parse(merged.stdout)).toMatchObject({
    method: 'merge',
    id2label: ['bad', 'good'],
    prefer: 'mean',
  });
  expect(JSON.parse((await gspf(['patch', 'verify', out, '--json'])).stdout).ok).toBe(true);
  const text = ['predict', '--patch', out, '--text', 'borl chul'];
  expect((await gspf(text)).status).toBe(0);
  const model = await gspf(['patch', 'diff', base, base]);
  expect([model.status, model.stderr]).toEqual([2, expect.stringContaining('[usage/option]')]);
});

test('another base is refused, and verify says so', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const out = join(folder, 'merged');
  const applied = await gspf(['patch', 'apply', run, '--model', fixture('tiny'), '--out', out]);
  expect([applied.status, applied.stderr]).toEqual([2, expect.stringContaining('[input/patch-base]')]);
  expect(existsSync(out)).toBe(false);
  const right = JSON.parse((await gspf(['patch', 'verify', run, '--model', base, '--json'])).stdout);
  expect(right.ok).toBe(true);
  const wrong = await gspf(['patch', 'verify', run, '--model', fixture('tiny')]);
  expect([wrong.status, wrong.stdout.split('\n')[0]]).toEqual([1, expect.stringMatching(/^fail {2}base/)]);
});

test('info tells the share of each tensor where the base is given', async () => {
  const { run } = await trainIn(temporaryFolder());
  const plain = await gspf(['patch', 'info', run]);
  expect(plain.stdout).not.toContain('share');
  const { stdout } = await gspf(['patch', 'info', run, '--model', base]);
  expect(stdout).toMatch(/classifier\.weight +whole +32 +128 bytes +100 %\n/);
  const document = JSON.parse((await gspf(['patch', 'info', run, '--json'])).stdout);
  expect(document).toMatchObject({ method: 'gspf', id2label: ['bad', 'good'], extra: { max_length: '32' } });
});

test('revert needs an undo patch of the very model', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const merged = join(folder, 'merged');
  const out = join(folder, 'out');
  await gspf(['patch', 'apply', run, '--model', base, '--out', merged]);
  const undo = join(merged, 'undo.safetensors');
  const other = await gspf(['patch', 'revert', fixture('tiny'), '--undo', undo, '--out', out]);
  expect(other.stderr).toContain('[input/patch-base]');
  const patch = join(run, 'patch.safetensors');
  const noUndo = await gspf(['patch', 'revert', merged, '--undo', patch, '--out', out]);
  expect(noUndo.stderr).toContain('expected an undo patch');
});

test('a directory with files in it is left alone, and gets new files with --overwrite', async () => {
  const folder = temporaryFolder();
  const { run } = await trainIn(folder);
  const out = join(folder, 'out');
  mkdirSync(out);
  writeFileSync(join(out, 'mine.txt'), 'mine');
  const words = ['patch', 'apply', run, '--model', base, '--out', out];
  expect((await gspf(words)).status).toBe(2);
  expect(readdirSync(out)).toEqual(['mine.txt']);
  expect((await gspf([...words, '--overwrite'])).status).toBe(0);
  expect(readdirSync(out)).toEqual(
    expect.arrayContaining(['mine.txt', 'model.safetensors', 'undo.safetensors']),
  );
});
