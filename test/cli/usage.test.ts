import { expect, test } from 'vitest';
import { trainingWords } from './mails.ts';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

test.each([
  [['trian'], "error: unknown command 'trian' [usage/option]\n  hint: Did you mean train?\n"],
  [['patch', 'inf'], "error: unknown command 'inf' [usage/option]\n  hint: Did you mean info?\n"],
  [
    ['train', '--modl', 'x'],
    "error: unknown option '--modl' [usage/option]\n  hint: Did you mean --model?\n",
  ],
  [
    ['eval', '--model', 'm'],
    'error: gspf eval: expected --task <name>, got none [usage/option]\n  hint: gspf eval --help shows an example.\n',
  ],
  [
    ['predict', '--model', 'm', '--threads', '0'],
    "error: option '--threads <n>' argument '0' is invalid. Expected a whole number of at least 1. [usage/option]\n",
  ],
  [['demo', 'x'], "error: too many arguments for 'demo'. Expected 0 arguments but got 1. [usage/option]\n"],
])('%j is refused with exit status 2', async (words, stderr) => {
  expect(await gspf(words)).toEqual({ status: 2, stdout: '', stderr });
});

test.each([[[]], [['patch']]])('%j shows help and exits with 2', async (words) => {
  const { status, stdout, stderr } = await gspf(words);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('Usage: gspf');
});

test('--help and --version go to standard output', async () => {
  expect(await gspf(['--version'])).toEqual({ status: 0, stdout: '0.1.0\n', stderr: '' });
  for (const words of [['--help'], ['train', '--help'], ['help', 'train']]) {
    const { status, stdout, stderr } = await gspf(words);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('Usage: gspf');
  }
});

test('with --json an error is one line of JSON on standard output', async () => {
  const { status, stdout, stderr } = await gspf([
    ...trainingWords(temporaryFolder()),
    '--json',
    '--epochs',
    '0',
  ]);
  expect(status).toBe(2);
  expect(stderr).toBe('error: epochs: expected a whole number of at least 1, got 0 [usage/option]\n');
  expect(JSON.parse(stdout)).toEqual({
    error: {
      code: 'usage/option',
      message: 'epochs: expected a whole number of at least 1, got 0',
      subject: 'epochs',
      expected: 'a whole number of at least 1',
      got: '0',
    },
  });
});

test('--debug shows the stack, and only then', async () => {
  const words = ['predict', '--model', fixture('nowhere'), '--text', 'borl'];
  const plain = await gspf(words);
  expect(plain.stderr).toContain('[input/missing-file]');
  expect(plain.stderr).not.toContain('    at ');
  expect((await gspf([...words, '--debug'])).stderr).toContain('    at ');
});

test.each([
  [
    '--task',
    'sst3',
    'error: task: expected one of cola, sst2, mrpc, qnli, mnli, qqp, rte, wnli, stsb, squad, text-classification, text-regression, token-classification, question-answering, masked-lm, arrays, tabular-classification, tabular-regression, got "sst3" [usage/option]',
  ],
  [
    '--set',
    'selct.ratio=1',
    'error: selct.ratio: expected the name of an option, got "ratio" [usage/option]',
  ],
  ['--eval-ratio', '2', 'Expected a fraction between 0 and 1, such as 0.1 or 10%. [usage/option]'],
])('train %s %s is refused', async (flag, value, message) => {
  const { status, stderr } = await gspf([...trainingWords(temporaryFolder()), flag, value]);
  expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
});
