import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { fineTune, loadModel, loadTask } from '../../src/index.ts';
import { writeMails } from '../cli/mails.ts';
import { temporaryFolder } from '../cli/terminal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const demoModel = join(root, 'demo', 'model');

/** What an example prints, run as a user runs it: on the built package. */
async function example(name: string, ...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [join('examples', name), ...words], {
    cwd: root,
  });
  return stdout;
}

beforeAll(() => {
  if (!existsSync(join(root, 'dist', 'index.js'))) throw new Error('Build the package first: npm run build');
});

test('own-csv trains and predicts', async () => {
  const printed = await example('own-csv.mjs');
  expect(printed).toMatch(/epoch 6: accuracy [01]/);
  expect(printed).toMatch(/bytes in .*mails\.patch\.safetensors/);
  expect(printed).toMatch(/I want my money back → refund/);
  expect(printed).toMatch(/Please send me another desk → exchange/);
});

test('question-answering finds what was ordered', async () => {
  const printed = await example('question-answering.mjs');
  expect(printed).toMatch(/What did I order\? → mirror\n/);
});

test('patch-server answers by two patches on one base', async () => {
  const folder = temporaryFolder();
  const model = await loadModel(demoModel, { threads: 1 });
  const task = await loadTask('text-classification', { train: writeMails(folder, 20), evalRatio: 0.2 });
  const patches: string[] = [];
  for (const seed of [1, 2]) {
    const { patch } = await fineTune(model, task, { select: { ratio: 0.01 }, epochs: 2, seed });
    patches.push(join(folder, `${seed}.safetensors`));
    await patch.write(patches.at(-1)!);
  }
  await model.release();
  const words = [demoModel, ...patches, '--port', '0', '--requests', '2'];
  const lines = (await example('patch-server.mjs', ...words)).trim().split('\n');
  expect(lines[0]).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
  const answers = lines.slice(1, 3).map((line) => JSON.parse(line));
  expect(answers.map(({ route }) => route)).toEqual(['/first', '/second']);
  expect(answers[0].score).not.toBe(answers[1].score);
  expect(lines[3]).toMatch(/^a request: [\d.]+ ms; with another patch: [\d.]+ ms$/);
});
