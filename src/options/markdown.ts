import { type OptionPath, type OptionSection, optionPaths, optionSections } from './catalogue.ts';
import type { TrainOptions } from './options.ts';
import { paperRows, tunedRows } from './presets.ts';
import { valueAt } from './tree.ts';

/** The text of `docs/options.md`: every option by section, and the presets. */
export function optionsMarkdown(): string {
  return `<!-- Made by optionsMarkdown() in src/options/markdown.ts. To renew: npx vitest run test/options -u -->

# Training options

One tree of options, the same everywhere. What is given on the command line wins over the file, both win over
the preset, and that over the defaults. An unknown name is an error.

| where | how |
|---|---|
| library | \`fineTune(model, task, { epochs: 3, select: { ratio: 0.003 } })\` |
| file, \`--config FILE.yaml\` | \`epochs: 3\` and, indented below \`select:\`, \`ratio: 0.3%\` |
| command line | \`--set select.ratio=0.3%\`; the value is YAML, so a glob that begins with \`*\` needs quotes: \`--set "select.exclude=['*.bias']"\` |

${optionSections().map(sectionMarkdown).join('\n\n')}

## Presets

Without \`preset\`, \`tuned\` is used. The run prints which values it took from there.

| preset | tasks | method | values |
|---|---|---|---|
${presetLines().join('\n')}
`;
}

function sectionMarkdown({ path, description, options }: OptionSection): string {
  const heading = path === '' ? '' : `## ${path}\n\n${description}\n\n`;
  return `${heading}| option | default | values | what it does |\n|---|---|---|---|\n${options.map(optionLine).join('\n')}`;
}

function optionLine({ path, expected, description, ...option }: OptionPath): string {
  const standard = option.default === undefined ? "the preset's" : code(option.default);
  return `| \`${path}\` | ${standard} | ${cell(expected)} | ${cell(description)} |`;
}

function presetLines(): readonly string[] {
  const measured = tunedRows.flatMap(({ tasks, values, aboveFrontier }) =>
    [
      ...Object.entries(values).map(([method, of]) => [code(method), of] as const),
      ...(aboveFrontier ? [[`${code('gspf')} with ${code('select.frontier')}`, aboveFrontier] as const] : []),
    ].map(
      ([method, given]) => `| \`tuned\` | ${tasks.join(', ')} | ${method} | ${valuesOf(given).join(', ')} |`,
    ),
  );
  const printed = paperRows.map(({ benchmark, tasks, lr, batchSize, warmupEpochs, ratio }) => {
    const values = `\`lr\` ${lr}, \`batchSize\` ${batchSize}; \`gspf\` also \`warmup.epochs\` ${warmupEpochs}, \`select.ratio\` ${ratio}`;
    return `| \`paper\` (${benchmark}) | ${tasks.join(', ')} | both | ${values} |`;
  });
  return [...measured, ...printed];
}

/** What a preset gives, option by option. */
function valuesOf(given: TrainOptions): readonly string[] {
  return optionPaths().flatMap(({ path }) => {
    const value = valueAt(given, path.split('.'));
    return value === undefined ? [] : [`\`${path}\` ${value}`];
  });
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
