import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trainIn } from '../cli/mails.ts';
import { argv, fixture, gspf } from '../cli/terminal.ts';
import { type WrongInput, wrongInputs } from './cases.ts';

const before = process.cwd();
const home = mkdtempSync(join(tmpdir(), 'gspf-wrong-'));
/** What each of them printed, by its title. */
const printed = new Map<string, string>();

beforeAll(async () => {
  process.chdir(home);
  cpSync(fixture('tiny-encoder'), 'model', { recursive: true });
  const { ran } = await trainIn('.');
  expect(ran.status).toBe(0);
  cpSync('run', 'runs/mails', { recursive: true });
  rmSync('run', { recursive: true });
}, 60_000);

afterAll(() => {
  process.chdir(before);
  rmSync(home, { recursive: true, force: true });
});

describe.each(Object.entries(wrongInputs))('%s', (_, cases) => {
  test.each(cases)('$what', async ({ what, words, prepare, status = 2 }) => {
    prepare?.();
    const files = listing();
    const ran = await gspf(argv(words));
    printed.set(what, everywhere(ran.stderr));
    expect(ran.status).toBe(status);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(/^error: .+ \[[\w/-]+\]\n/m);
    expect(ran.stderr).not.toMatch(/^\s+at |\[object|unexpected\]/m);
    expect(listing(), 'nothing is left behind').toEqual(files);
  });
});

test('docs/wrong-inputs.md shows what they print', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/wrong-inputs.md');
});

/** Every file and folder of the user's directory. */
function listing(): string[] {
  return readdirSync('.', { recursive: true }).map(String).sort();
}

/**
 * What is printed on every machine alike: which tensors hold selected weights, and with them the length of a patch's
 * header, differs between processors; where JSON breaks off, newer versions of Node say at greater length.
 */
function everywhere(text: string): string {
  return text
    .replaceAll(process.cwd(), '…')
    .replace(/header of \d+ bytes, got \d+ bytes after/, 'header of … bytes, got … bytes after')
    .replace(/ \(line \d+ column \d+\)/, '');
}

function page(): string {
  const count = Object.values(wrongInputs).flat().length;
  const sections = Object.entries(wrongInputs).map(
    ([title, cases]) => `## ${title}\n\n${cases.map(entry).join('\n')}`,
  );
  return `<!-- Made by test/wrong-inputs. To renew: npx vitest run test/wrong-inputs -u -->

# ${count} wrong inputs, and what they print

Each command was run in a folder that holds a small encoder (\`model\`), a table of 60 messages with the labels good and
bad (\`mails.csv\`) and a finished run on them (\`runs/mails\`). Nothing was left behind by any of them. The exit status is 2
unless a line says otherwise; what each code in brackets means is in [errors.md](errors.md).

${sections.join('\n')}`;
}

function entry({ what, words, status }: WrongInput): string {
  const exit = status === undefined ? '' : ` Exit status ${status}.`;
  return `**${what}.**${exit}\n\n\`\`\`text\n$ gspf ${words}\n${printed.get(what) ?? ''}\`\`\`\n`;
}
