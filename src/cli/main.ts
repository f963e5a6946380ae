import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { type Invocation, register } from './command.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { evaluate } from './commands/eval.ts';
import { explain } from './commands/explain.ts';
import { exportModel } from './commands/export.ts';
import { gradients } from './commands/gradients.ts';
import { patchApply } from './commands/patch-apply.ts';
import { patchDiff } from './commands/patch-diff.ts';
import { patchInfo } from './commands/patch-info.ts';
import { patchMerge } from './commands/patch-merge.ts';
import { patchRevert } from './commands/patch-revert.ts';
import { patchVerify } from './commands/patch-verify.ts';
import { plan } from './commands/plan.ts';
import { predict } from './commands/predict.ts';
import { selectCommand } from './commands/select.ts';
import { train } from './commands/train.ts';
import { describeFailure } from './failure.ts';
import type { CliIo } from './io.ts';

/**
 * Runs one command line.
 *
 * @param argv The words after `gspf`.
 * @returns the exit status: 0 success, 1 failure, 2 wrong usage or wrong input, 130 stopped by Ctrl-C
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const invocation: Invocation = { io, argv, exitStatus: 0 };
  try {
    await createProgram(invocation).parseAsync([...argv], { from: 'user' });
    return invocation.exitStatus;
  } catch (error) {
    // Commander ends --help and --version this way; help that nobody asked for stands in for a command.
    if (error instanceof CommanderError && isHelp(error)) return error.exitCode === 0 ? 0 : 2;
    const failure = describeFailure(error, { stack: argv.includes('--debug') });
    io.stderr.write(failure.text);
    if (argv.includes('--json')) io.stdout.write(`${JSON.stringify({ error: failure.document })}\n`);
    return failure.exitStatus;
  }
}

function isHelp({ code }: CommanderError): boolean {
  return ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(code);
}

/** The tree of commands; {@link runCli} runs it, `docs/cli.md` is made of it. */
export function createProgram(invocation: Invocation): Command {
  const { io } = invocation;
  const program = new Command('gspf')
    .description('Fine-tune pretrained models: train few of the weights, ship a small patch.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      // Errors of usage are shown like all others, by runCli.
      outputError: () => {},
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
    });
  register(program, invocation, train);
  register(program, invocation, plan);
  register(program, invocation, selectCommand);
  register(program, invocation, explain);
  register(program, invocation, evaluate);
  register(program, invocation, predict);
  const patch = program.command('patch').description('look into patches, put them on and take them off');
  register(patch, invocation, patchInfo);
  register(patch, invocation, patchVerify);
  register(patch, invocation, patchApply);
  register(patch, invocation, patchRevert);
  register(patch, invocation, patchDiff);
  register(patch, invocation, patchMerge);
  register(program, invocation, exportModel);
  register(program, invocation, gradients);
  register(program, invocation, doctor);
  register(program, invocation, demo);
  return program.addHelpText('after', '\nEvery command has its own help, with an example: gspf train --help');
}
