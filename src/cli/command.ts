import { type Command, InvalidArgumentError, Option } from 'commander';
import { GspfError } from '../errors.ts';
import type { CliIo } from './io.ts';
import { Output } from './output.ts';

/** One run of the command line. */
export interface Invocation {
  readonly io: CliIo;
  /** The words after `gspf`. */
  readonly argv: readonly string[];
  exitStatus: number;
}

/** The flags that every command has. */
interface OutputFlags {
  readonly json?: true;
  readonly quiet?: true;
  readonly debug?: true;
}

/** What a command works with. */
export interface CommandContext<Flags> {
  readonly io: CliIo;
  /** All words of the command line, `gspf` first. */
  readonly commandLine: readonly string[];
  readonly flags: Flags & OutputFlags;
  /** Its operands: words that belong to no flag. */
  readonly operands: readonly string[];
  readonly output: Output;
}

export interface CommandDefinition<Flags> {
  /** Its name and its operands, as in `predict [file]`. */
  readonly usage: string;
  readonly description: string;
  /** Command lines that show its use. */
  readonly examples: readonly string[];
  /** What its operands are, by name. */
  readonly operands?: Readonly<Record<string, string>>;
  /** Adds its flags, which are those of `Flags`. */
  readonly options: (command: Command) => void;
  /** Does the work; returns the exit status where it is not 0. Loads what it needs, so that `--help` is quick. */
  readonly run: (context: CommandContext<Flags>) => Promise<number | undefined>;
}

const examplesByCommand = new WeakMap<Command, readonly string[]>();

/** The command lines that show a registered command's use. */
export function examplesOf(command: Command): readonly string[] {
  return examplesByCommand.get(command) ?? [];
}

/** Makes a definition a command of `parent`. */
export function register<Flags>(
  parent: Command,
  invocation: Invocation,
  definition: CommandDefinition<Flags>,
): void {
  const { usage, description, examples, operands = {}, options, run } = definition;
  const [name = '', ...words] = usage.split(' ');
  const command = parent.command(name).description(description);
  for (const word of words) command.argument(word, operands[word.replaceAll(/[<>[\].]/g, '')] ?? '');
  options(command);
  examplesByCommand.set(command, examples);
  command
    .optionsGroup('Output:')
    .option('--json', 'print one JSON document and nothing else to standard output')
    .option('--quiet', 'print results and errors only: no notes, no progress')
    .option('--debug', 'show where in the code an error comes from')
    .addHelpText('after', `\nExample:\n${examples.map((example) => `  $ ${example}\n`).join('')}`)
    .action(async () => {
      requireOptions(command);
      const { io, argv } = invocation;
      const flags = command.opts<Flags & OutputFlags>();
      const output = new Output(io, flags);
      const commandLine = ['gspf', ...argv];
      const status = await run({ io, commandLine, flags, operands: command.args, output });
      invocation.exitStatus = status ?? 0;
    });
}

/** An option without which a command does not run; commander's own would hide a mistyped name. */
class RequiredOption extends Option {}

/** Adds an option that must be given. */
export function requiredOption(command: Command, flags: string, description: string): void {
  command.addOption(new RequiredOption(flags, `${description} (required)`));
}

function requireOptions(command: Command): void {
  const missing = command.options.filter(
    (option) =>
      option instanceof RequiredOption && command.getOptionValue(option.attributeName()) === undefined,
  );
  if (missing.length === 0) return;
  const path = command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  throw new GspfError('usage/option', {
    subject: `gspf ${path}`,
    expected: new Intl.ListFormat('en').format(missing.map(({ flags }) => flags)),
    got: 'none',
    hint: `gspf ${path} --help shows an example.`,
  });
}

/** Reads a flag's value as a whole number of at least 1. */
export function parseCount(value: string): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}

/** Reads a flag's value as a whole number, which may be 0. */
export function parseSeed(value: string): number {
  const seed = Number(value);
  if (/^\d+$/.test(value) && seed < 2 ** 32) return seed;
  throw new InvalidArgumentError(`Expected a whole number from 0 to ${2 ** 32 - 1}.`);
}

/** Reads a flag's value as a share between 0 and 1: `0.1` or `10%`. */
export function parseShare(value: string): number {
  const [, number, percent] = /^(\d*\.?\d+)\s*(%?)$/.exec(value.trim()) ?? [];
  const share = Number(percent === '%' ? `${number}e-2` : number);
  if (share > 0 && share < 1) return share;
  throw new InvalidArgumentError('Expected a fraction between 0 and 1, such as 0.1 or 10%.');
}

/** Collects the values of a flag that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
