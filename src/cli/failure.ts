import { CommanderError } from 'commander';
import { GspfError } from '../errors.ts';

/** An error as the command line shows it. */
export interface Failure {
  /** Lines for standard error. */
  readonly text: string;
  /** What `--json` prints as `error`. */
  readonly document: FailureDocument;
  readonly exitStatus: 1 | 2 | 130;
}

interface FailureDocument {
  /** A code of gspf's errors, the system's own code (`EACCES`, …), or `unexpected`. */
  readonly code: string;
  /** What is wrong, without the hint. */
  readonly message: string;
  readonly hint?: string;
  /** The parts of the message, where it has parts. */
  readonly subject?: string;
  readonly expected?: string;
  readonly got?: string;
}

/** How to show an error, and which exit status it means. */
export function describeFailure(error: unknown, { stack }: { readonly stack: boolean }): Failure {
  const document = documentOf(error);
  const { code, message, hint } = document;
  const lines = [`error: ${message} [${code}]`];
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  if (stack) lines.push(stackOf(error));
  return { text: `${lines.join('\n')}\n`, document, exitStatus: exitStatusOf(error) };
}

function documentOf(error: unknown): FailureDocument {
  if (error instanceof GspfError) {
    const { subject, expected, got, hint } = error.details;
    const { message } = new GspfError(error.code, { ...error.details, hint: '' });
    return {
      code: error.code,
      message,
      ...(hint === undefined || hint === '' ? {} : { hint }),
      subject,
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
    };
  }
  if (error instanceof CommanderError) {
    // error: unknown option '--modl'\n(Did you mean --model?)
    const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
    const hint = suggestion?.replace(/^\((.*)\)$/, '$1');
    return { code: 'usage/option', message, ...(hint === undefined ? {} : { hint }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  const systemCode = systemCodeOf(error);
  if (systemCode !== undefined) return { code: systemCode, message };
  return {
    code: 'unexpected',
    message,
    hint: '--debug shows where it comes from; gspf doctor checks this machine.',
  };
}

/** `EACCES` and the like, which Node puts on the errors of system calls. */
function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function exitStatusOf(error: unknown): Failure['exitStatus'] {
  if (error instanceof CommanderError) return 2;
  if (!(error instanceof GspfError)) return 1;
  if (error.code === 'usage/cancelled') return 130;
  return /^(usage|input)\//.test(error.code) ? 2 : 1;
}

/** The stack of an error and of what caused it. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
