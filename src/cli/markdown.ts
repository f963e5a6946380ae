import type { Command, Option } from 'commander';
import { examplesOf } from './command.ts';
import type { CliIo } from './io.ts';
import { createProgram } from './main.ts';

/** The pages of `docs/tasks`. */
const pages = [
  'text-classification',
  'text-regression',
  'token-classification',
  'question-answering',
  'masked-lm',
  'glue',
];

/**
 * The text of `docs/cli.md`: every command with its flags and examples.
 *
 * @param io Any: nothing is read or written.
 */
export function cliMarkdown(io: CliIo): string {
  const commands = leaves(createProgram({ io, argv: [], exitStatus: 0 }));
  const sections = commands.map(section).join('\n\n');
  return `<!-- Made by cliMarkdown() in src/cli/markdown.ts. To renew: npx vitest run test/cli/markdown.test.ts -u -->

# Command line

\`gspf <command> [options]\`. Results go to standard output; notes, progress and errors to standard error. The exit
status is 0 for success, 1 for failure, 2 for wrong usage or wrong input, 130 after Ctrl-C ([errors.md](errors.md)).

Every command takes \`--json\` (one JSON document on standard output and nothing else; one line for each text with
\`predict\`), \`--quiet\` (results and errors only), \`--debug\` (where an error comes from) and \`--help\`.

| command | does |
|---|---|
${commands.map((command) => `| [\`${pathOf(command)}\`](#gspf-${pathOf(command).replaceAll(' ', '-')}) | ${command.description()} |`).join('\n')}

What each kind of task reads, prints and wants is told on its page:
${pages.map((page) => `[${page}](tasks/${page}.md)`).join(', ')}.

${sections}

## How training options combine

\`--config FILE\` gives way to \`--set\`, and that to the flags for single options, whatever their order. What none of them
gives comes from the preset, and what the preset does not give from the defaults ([options.md](options.md)).

## Stopping a run

The first Ctrl-C finishes the step at hand, keeps a checkpoint and ends the run with exit status 130. The second leaves
at once, or as soon as the computation at hand is done: onnxruntime cannot be interrupted in the middle of one.

The same command with \`--resume\` goes on from the last checkpoint, whatever ended the run: a Ctrl-C, a crash, a loss of
power. The patch is that of the uninterrupted run, byte for byte. A checkpoint is kept every 30 seconds
(\`checkpoint.everySeconds\`) and at the end of each epoch; a damaged one gives way to the one before it. Without \`--resume\`
a folder with a checkpoint is refused, unless \`--overwrite\` gives it up.
`;
}

/** The commands that do something, in order. */
function leaves(command: Command): readonly Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

function section(command: Command): string {
  const operands = command.registeredArguments.map(
    (argument) =>
      `| \`${argument.required ? `<${argument.name()}>` : `[${argument.name()}]`}\` | ${argument.description} |`,
  );
  const options = command.options.filter(
    ({ long }) => !['--json', '--quiet', '--debug'].includes(long ?? ''),
  );
  const examples = examplesOf(command).join('\n');
  return `## gspf ${pathOf(command)}

${sentence(command.description())}

\`\`\`text
${examples}
\`\`\`${table([...operands, ...options.map(optionRow)])}`;
}

function table(rows: readonly string[]): string {
  return rows.length === 0 ? '' : `\n\n| argument or flag | what it is |\n|---|---|\n${rows.join('\n')}`;
}

function optionRow({ flags, description, defaultValue, argChoices }: Option): string {
  const choices = argChoices === undefined ? '' : ` (${argChoices.join(' or ')})`;
  const standard = defaultValue === undefined ? '' : ` (default: ${defaultValue})`;
  return `| \`${flags.replaceAll('|', '\\|')}\` | ${description}${choices}${standard} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
