import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { CliIo } from '../../src/cli/io.ts';
import { runCli } from '../../src/cli/main.ts';

/** A directory of test/fixtures/bert. */
export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/bert/${name}`, import.meta.url));

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gspf-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Terminal {
  readonly stdin?: string;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Is given what a Ctrl-C does once a command listens for it. */
  readonly onListening?: (interrupt: () => void) => void;
}

/** A place for commands that keeps what they write. */
export function recordingIo(
  terminal: Terminal = {},
): CliIo & { readonly written: { out: string; err: string } } {
  const { stdin = '', isTTY = false, columns, env = {} } = terminal;
  const written = { out: '', err: '' };
  const stream = (key: keyof typeof written) => ({
    isTTY,
    columns,
    write: (text: string): void => {
      written[key] += text;
    },
  });
  return {
    written,
    stdout: stream('out'),
    stderr: stream('err'),
    stdin: async () => stdin,
    env,
    now: () => new Date('2026-01-02T03:04:05Z'),
    onInterrupt: (listener) => {
      terminal.onListening?.(listener);
      return () => {};
    },
  };
}

/** Runs a command line in this process. */
export async function gspf(argv: readonly string[], terminal: Terminal = {}): Promise<Ran> {
  const io = recordingIo(terminal);
  const status = await runCli(argv, io);
  return { status, stdout: io.written.out, stderr: io.written.err };
}

/** The words of a line, as a shell takes it apart. */
export function argv(line: string): string[] {
  return Array.from(line.matchAll(/'([^']*)'|(?:[^\s']|'[^']*')+/g), ([word]) => word.replaceAll("'", ''));
}
