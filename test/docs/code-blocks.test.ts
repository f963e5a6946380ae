import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { argv, gspf } from '../cli/terminal.ts';
import { type CodeBlock, codeBlocks, markdownFiles, root } from './code-blocks.ts';

/** Languages whose blocks are run; blocks of the others are output or file contents, which their own tests check. */
const executable = new Set(['sh', 'js', 'python']);
const shown = new Set(['', 'text', 'json', 'jsonl', 'yaml', 'csv', 'hash', 'length', 'header', 'data']);

/** A user's directory: a model, some data, and `gspf` on the path. */
const home = mkdtempSync(join(tmpdir(), 'gspf-docs-'));
const bin = join(home, '.bin');

beforeAll(() => {
  expect(existsSync(`${root}dist/cli/bin.js`), 'npm run build comes first').toBe(true);
  mkdirSync(bin);
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(root, join(home, 'node_modules', 'gspf'), 'junction');
  cpSync(`${root}test/fixtures/bert/tiny-encoder`, join(home, 'all-MiniLM-L6-v2'), { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(home, 'mails.csv'), mails());
  for (const block of markdownFiles().flatMap(codeBlocks)) writeSample(block);
  script('gspf', `exec '${process.execPath}' '${root}dist/cli/bin.js' "$@"`);
  script('npx', 'command=$1; shift; exec "$command" "$@"');
  // Installing and testing within a test would not end: that the commands exist is checked below.
  script('npm', 'exit 0');
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

function script(name: string, body: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** The file that a block shows a part of: its rows, some times over; JSON is shown whole. */
function writeSample({ path, code }: CodeBlock): void {
  if (path === '') return;
  const [header = '', ...rows] = code.split('\n');
  const isTable = path.endsWith('.csv');
  const times = path.endsWith('.json') ? 1 : 4;
  const parts = Array.from({ length: times }, () => (isTable ? rows.join('\n') : code));
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `${[...(isTable ? [header] : []), parts.join(path.endsWith('.conll') ? '\n\n' : '\n')].join('\n')}\n`,
  );
}

/** Forty mails of two kinds. */
function mails(): string {
  const kinds = [
    ['My parcel number % never came', 'delivery'],
    ['Please refund invoice %, I paid twice', 'billing'],
  ] as const;
  const rows = Array.from({ length: 40 }, (_, i) => {
    const [text, label] = kinds[i % 2 === 0 ? 0 : 1];
    return `"${text.replace('%', `${i}`)}",${label}`;
  });
  return ['text,label', ...rows, ''].join('\n');
}

function run(command: string, args: readonly string[], input?: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: home,
    input,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, ORT_DISABLE_TELEMETRY: '1' },
  });
  expect(status, `${stdout}\n${stderr}`).toBe(0);
}

/** Command lines of gspf alone run in this process, which is quicker than starting one for each. */
async function runHere(lines: readonly string[]): Promise<void> {
  const before = process.cwd();
  process.chdir(home);
  try {
    for (const line of lines) {
      const { status, stderr } = await gspf(argv(line).slice(1));
      expect(status, `${line}\n${stderr}`).toBe(0);
    }
  } finally {
    process.chdir(before);
  }
}

const hasNumpy = spawnSync('python3', ['-c', 'import numpy, safetensors']).status === 0;

async function execute({ language, code }: CodeBlock): Promise<void> {
  const lines = code.split('\n');
  if (lines.every((line) => line.startsWith('gspf '))) {
    await runHere(lines);
  } else if (language === 'sh') {
    run('sh', ['-e'], code);
  } else if (language === 'python') {
    // A base under the names of the task model, and the patch that the README's example made.
    run('gspf', ['export', '--model', 'all-MiniLM-L6-v2', '--format', 'safetensors', '--out', 'base']);
    cpSync(join(home, 'base', 'model.safetensors'), join(home, 'model.safetensors'));
    cpSync(join(home, 'runs', 'mails', 'patch.safetensors'), join(home, 'patch.safetensors'));
    run('python3', ['-'], code);
  } else {
    writeFileSync(join(home, 'block.js'), code);
    run(process.execPath, ['block.js']);
  }
}

describe.each(markdownFiles())('%s', (file) => {
  const blocks = codeBlocks(file);

  test('has blocks of known languages only', () => {
    for (const { language, line } of blocks) {
      expect(executable.has(language) || shown.has(language), `line ${line}: ${language}`).toBe(true);
    }
  });

  test('names npm scripts and packages that exist', () => {
    const { name, scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
    for (const { code } of blocks.filter(({ language }) => language === 'sh')) {
      for (const [, script] of code.matchAll(/\bnpm run ([\w:-]+)/g))
        expect(scripts).toHaveProperty(script ?? '');
      for (const [, wanted] of code.matchAll(/\bnpm install (?!-)(\S+)/g)) expect(wanted).toBe(name);
    }
  });

  for (const block of blocks.filter(({ language }) => executable.has(language))) {
    const runnable = block.language !== 'python' || hasNumpy;
    if (!runnable) console.warn(`skipped: ${file}:${block.line} needs python3 with numpy and safetensors`);
    test.runIf(runnable)(
      `the ${block.language} block of line ${block.line} runs`,
      () => execute(block),
      120_000,
    );
  }
});
