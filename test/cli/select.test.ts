import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeSelection, readSelection } from '../../src/node/selection-file.ts';
import { trainingWords } from './mails.ts';
import { gspf, temporaryFolder } from './terminal.ts';

/** The words of `gspf select` with the options of a training run. */
function selectWords(folder: string, ...more: string[]): string[] {
  return ['select', ...trainingWords(folder, 'chosen').slice(1), ...more];
}

describe('gspf select', () => {
  test('chooses what train would, and shows where it lies', async () => {
    const folder = temporaryFolder();
    const chosen = await gspf(selectWords(folder));
    expect(chosen.status).toBe(0);
    expect(chosen.stdout).toMatch(/^% of the selection, by layer +0 +1 +all$/m);
    expect(chosen.stdout).toMatch(/^classifier\.weight +\d+\.\d$/m);
    expect(chosen.stdout).toMatch(/^measured on +7 batches$/m);
    await gspf(trainingWords(folder));
    const [selected, trained] = await Promise.all(
      ['chosen', 'run'].map((name) => readSelection(join(folder, name, 'selection.safetensors'))),
    );
    expect(selected).toEqual(trained);
    expect(readFileSync(join(folder, 'chosen', 'heat-map.svg'), 'utf8')).toMatch(/^<svg [\s\S]+<\/svg>\n$/);
    expect(existsSync(join(folder, 'chosen', 'scores.safetensors'))).toBe(false);
  });

  test('the shares of the table add up', async () => {
    const { stdout } = await gspf([...selectWords(temporaryFolder()), '--json']);
    const { selection, sizes } = JSON.parse(stdout);
    const counts: number[] = Object.values(selection.perTensor);
    expect(counts.reduce((a, b) => a + b)).toBe(selection.selected);
    expect(Object.keys(sizes)).toEqual(expect.arrayContaining(Object.keys(selection.perTensor)));
  });

  test('selects nothing below a fixed frontier, with the same budget', async () => {
    const folder = temporaryFolder();
    const all = JSON.parse((await gspf([...selectWords(folder), '--json'])).stdout).selection;
    const words = [
      ...selectWords(folder),
      '--overwrite',
      '--set',
      'select.granularity=element',
      '--set',
      'select.frontier=1',
      '--json',
    ];
    const above = JSON.parse((await gspf(words)).stdout).selection;
    expect([above.k, above.eligible, above.selected]).toEqual([all.k, all.eligible, all.selected]);
    expect(Object.keys(above.perTensor).filter((name) => !/layer\.1\.|pooler|classifier/.test(name))).toEqual(
      [],
    );
    expect(Object.keys(all.perTensor).some((name) => /layer\.0\./.test(name))).toBe(true);
    const beyond = await gspf([...selectWords(folder), '--overwrite', '--set', 'select.frontier=3']);
    expect([beyond.status, beyond.stderr]).toEqual([
      2,
      expect.stringContaining('select.frontier: expected at most 2'),
    ]);
  });

  test('never overwrites a selection unasked', async () => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder));
    const again = await gspf(selectWords(folder));
    expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('[input/exists]')]);
    expect((await gspf([...selectWords(folder), '--overwrite'])).status).toBe(0);
  });

  test('has no use for method full', async () => {
    const { status, stderr } = await gspf([...selectWords(temporaryFolder()), '--method', 'full']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('expected gspf, which selects weights')]);
  });
});

describe('gspf train --selection', () => {
  test('trains the weights of a selection from the first epoch on, and no others', async () => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder));
    const file = join(folder, 'chosen', 'selection.safetensors');
    const trained = await gspf([...trainingWords(folder), '--selection', file, '--json']);
    expect(trained.status).toBe(0);
    const { phases, notes, selections, frozen } = JSON.parse(trained.stdout);
    expect(phases.map(({ phase }: { phase: string }) => phase)).toEqual(['prepare', 'train', 'finish']);
    expect(notes).toContainEqual(expect.stringMatching(/^Trains the \d+ weights of .*: no warm-up\.$/));
    expect([selections, frozen.identical]).toEqual([[], true]);
    const [given, used] = await Promise.all(
      [file, join(folder, 'run', 'selection.safetensors')].map((path) => readSelection(path)),
    );
    expect(used).toEqual(given);
  });

  test('refuses the selection of another model, and has no use for method full', async () => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder));
    const selection = await readSelection(join(folder, 'chosen', 'selection.safetensors'));
    const file = join(folder, 'foreign.safetensors');
    writeFileSync(file, encodeSelection(selection, 'f'.repeat(64)));
    const words = [...trainingWords(folder), '--selection', file];
    const foreign = await gspf(words);
    expect([foreign.status, foreign.stderr]).toEqual([2, expect.stringContaining('one of another model')]);
    const full = await gspf([...words, '--method', 'full']);
    expect([full.status, full.stderr]).toEqual([2, expect.stringContaining('expected method gspf')]);
  });
});

describe('gspf explain', () => {
  const name = 'bert.encoder.layer.1.output.dense.weight';

  test('knows of every weight whether it is in the selection', async () => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder, '--keep-scores'));
    const directory = join(folder, 'chosen');
    const selection = await readSelection(join(directory, 'selection.safetensors'));
    const indices = selection.get(name);
    const first = indices instanceof Int32Array ? indices[0] : undefined;
    const explain = async (...words: string[]): Promise<{ [key: string]: unknown }> =>
      JSON.parse((await gspf(['explain', directory, '--tensor', name, '--json', ...words])).stdout);
    expect(await explain('--at', `${first}`)).toMatchObject({ selected: true });
    const tensor = await explain('--top', '3');
    expect(tensor['selected']).toBe(indices?.length);
    expect(tensor['best']).toHaveLength(3);
    for (let flat = 0; flat < 10; flat++) {
      const isIn = indices instanceof Int32Array && indices.includes(flat);
      expect(await explain('--at', `${flat}`), `${flat}`).toMatchObject({ selected: isIn });
    }
    const text = (await gspf(['explain', directory, '--tensor', name, '--at', '0,1'])).stdout;
    expect(text).toMatch(/^weight +bert\.encoder\.layer\.1\.output\.dense\.weight \[0, 1\]$/m);
    expect(text).toMatch(/^rank +[\d,]+ of [\d,]+$/m);
  });

  test('explains a training run that kept its scores', async () => {
    const folder = temporaryFolder();
    await gspf([...trainingWords(folder), '--keep-scores']);
    const { status, stdout } = await gspf(['explain', join(folder, 'run'), '--tensor', 'classifier.bias']);
    expect(status).toBe(0);
    expect(stdout).toContain('It belongs to the head, which is trained whole');
  });

  test.each([
    [['--tensor', name], 'Run gspf select or gspf train with --keep-scores'],
    [['--tensor', name, '--at', 'x'], 'Run gspf select or gspf train with --keep-scores'],
  ])('without scores, %j says where they come from', async (words, message) => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder));
    const { status, stderr } = await gspf(['explain', join(folder, 'chosen'), ...words]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test('names the nearest tensor, and the position that would do', async () => {
    const folder = temporaryFolder();
    await gspf(selectWords(folder, '--keep-scores'));
    const explain = async (...words: string[]): Promise<string> =>
      (await gspf(['explain', join(folder, 'chosen'), ...words])).stderr;
    expect(await explain('--tensor', 'classifier.wieght')).toContain('Did you mean "classifier.weight"?');
    expect(await explain('--tensor', name, '--at', '99,0')).toContain('2 numbers below [16,');
    expect(await explain('--tensor', name, '--at', 'x')).toContain(
      'expected whole numbers with commas between',
    );
  });
});
