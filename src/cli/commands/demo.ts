import type { Command } from 'commander';
import type { DemoModel, DemoResult } from '../../demo/demo.ts';
import type { DemoMethod, MethodOutcome } from '../../demo/method.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { parseCount } from '../command.ts';
import {
  alignColumns,
  formatBytes,
  formatCount,
  formatDuration,
  formatMetric,
  formatShare,
} from '../format.ts';
import { threadsOption } from '../model-options.ts';

interface DemoFlags {
  readonly seed?: number;
  readonly threads?: number;
}

export const demo: CommandDefinition<DemoFlags> = {
  usage: 'demo',
  description: 'fine-tune the built-in tiny model, in full and by GSPF, and show what comes of it',
  examples: ['gspf demo'],
  options: (command: Command): void => {
    command.option('--seed <n>', 'seed of everything random (default: 0)', parseCount);
    threadsOption(command);
  },
  run,
};

const names: { readonly [M in DemoMethod]: string } = { full: 'full fine-tuning', gspf: 'GSPF' };

async function run({ flags, output }: CommandContext<DemoFlags>): Promise<undefined> {
  const { runDemo } = await import('../../demo/demo.ts');
  const result = await runDemo(flags, {
    onModel: (model) => output.progress(introduction(model)),
    onMethod: (method) => output.progress(`\n${names[method]}`),
    onEvaluation: (_, { epoch, metrics, elapsedMs }) => {
      const accuracy = formatMetric('accuracy', metrics['accuracy'] ?? 0).padStart(8);
      output.progress(`  epoch ${epoch}  accuracy ${accuracy}  after ${formatDuration(elapsedMs)}`);
    },
  });
  output.result({ document: result, text: summary(result) });
}

function introduction({ parameters, sizeBytes, labels, size }: DemoModel): string {
  return [
    `A BERT of ${formatCount(parameters)} weights (${formatBytes(sizeBytes)}), pretrained by this project on messages of its own grammar,`,
    `learns what a customer wants: ${labels.join(', ')}.`,
    `${formatCount(size.train)} messages to train on, ${formatCount(size.evaluation)} others to evaluate on.`,
  ].join('\n');
}

function summary({ methods, proof, predictions, elapsedMs }: DemoResult): string {
  const merged = proof.mergedEqualsUnmerged
    ? `equal to the bit in all ${formatCount(proof.logits)} logits`
    : 'NOT EQUAL';
  const reverted = proof.revertedSha256 === proof.baseSha256 ? 'the base again, to the bit' : 'NOT THE BASE';
  return [
    '',
    table(methods),
    '',
    'The patch of GSPF',
    alignColumns(
      [
        ['applied', `merged model and patch in memory are ${merged}`],
        ['reverted', `${reverted} (sha256 ${proof.revertedSha256.slice(0, 12)}…)`],
      ],
      { indent: '  ' },
    ),
    '',
    'What it says',
    alignColumns(
      predictions.map(({ text, found }) => [text, found.label, formatShare(found.score)]),
      { indent: '  ', right: [2] },
    ),
    '',
    `Done in ${formatDuration(elapsedMs)}. Your own data, with a model directory from Hugging Face:`,
    '  gspf train --model ./all-MiniLM-L6-v2 --task text-classification --data mails.csv --out runs/mails',
    '  gspf predict --model ./all-MiniLM-L6-v2 --patch runs/mails --text "My parcel never came"',
  ].join('\n');
}

/** One column for each method. */
function table(methods: readonly MethodOutcome[]): string {
  const row = (name: string, cell: (outcome: MethodOutcome) => string): string[] => [
    name,
    ...methods.map(cell),
  ];
  return alignColumns(
    [
      row('', ({ method }) => names[method]),
      row('accuracy', ({ accuracy }) => formatMetric('accuracy', accuracy)),
      row('changed weights', ({ trained }) => formatCount(trained)),
      row('of all', ({ trained, parameters }) => formatShare(trained / parameters)),
      row('time', ({ elapsedMs }) => formatDuration(elapsedMs)),
      row('peak memory', ({ peakRssBytes }) => formatBytes(peakRssBytes)),
      row('patch file', ({ patchBytes }) => formatBytes(patchBytes)),
      row('frozen weights', ({ frozen }) => formatCount(frozen.weights)),
      row('unchanged', ({ frozen }) => unchanged(frozen)),
    ],
    { right: methods.map((_, i) => i + 1) },
  );
}

/** The proof: hashes of the frozen weights before and after. */
function unchanged({ weights, identical, sha256After }: MethodOutcome['frozen']): string {
  if (weights === 0) return 'none frozen';
  return identical ? `to the bit (${sha256After.slice(0, 8)}…)` : 'NO';
}
