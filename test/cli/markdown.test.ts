import { readFileSync } from 'node:fs';
import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { createProgram } from '../../src/cli/main.ts';
import { cliMarkdown } from '../../src/cli/markdown.ts';
import { errorCodes } from '../../src/errors.ts';
import { recordingIo } from './terminal.ts';

const docs = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

// To renew the file: npx vitest run test/cli/markdown.test.ts -u
test('docs/cli.md is what the commands say of themselves', async () => {
  await expect(cliMarkdown(recordingIo())).toMatchFileSnapshot('../../docs/cli.md');
});

test.each(['cli.md', 'errors.md', 'run-directory.md'])('every command line in docs/%s is one', (name) => {
  const lines = docs(name).matchAll(/^(?:cat \S+ \| )?gspf (.+)$/gm);
  for (const [, words = ''] of lines) {
    const argv = [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
    expect(() => parseOnly(argv), words).not.toThrow();
  }
});

/** Parses a command line without running it. @throws CommanderError for unknown commands and flags. */
function parseOnly(argv: readonly string[]): void {
  const program = createProgram({ io: recordingIo(), argv, exitStatus: 0 });
  const leaves = program.commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  );
  for (const command of leaves) command.action(() => {});
  program.parse([...argv], { from: 'user' });
}

test('unknown flags in a document would be found', () => {
  expect(() => parseOnly(['doctor', '--modl', 'x'])).toThrow(CommanderError);
});

test('docs/errors.md has a heading and a real example for each code, in order', () => {
  const sections = docs('errors.md').split(/^## /m).slice(1);
  expect(sections.map((section) => section.split('\n')[0])).toEqual([...errorCodes]);
  for (const section of sections) {
    const [code = ''] = section.split('\n');
    const example = /```\n(error: .*)\n(?: {2}hint: .*\n)?```/.exec(section)?.[1];
    expect(example, code).toMatch(new RegExp(`\\[${code}\\]$`));
  }
});
