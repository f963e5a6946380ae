import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import type { TensorExplanation, WeightExplanation } from '../../methods/gspf/explain.ts';
import { type CommandContext, type CommandDefinition, parseCount, requiredOption } from '../command.ts';
import { alignColumns, formatCount, formatShare } from '../format.ts';

interface ExplainFlags {
  readonly tensor: string;
  readonly at?: string;
  readonly top: number;
}

export const explain: CommandDefinition<ExplainFlags> = {
  usage: 'explain <dir>',
  description: 'tell why a weight or tensor was selected or not',
  examples: [
    'gspf explain chosen --tensor bert.encoder.layer.5.output.dense.weight',
    'gspf explain chosen --tensor bert.encoder.layer.5.output.dense.weight --at 17,301',
  ],
  operands: { dir: 'directory of a selection or run with --keep-scores, or its scores.safetensors' },
  options: (command: Command): void => {
    requiredOption(command, '--tensor <name>', 'weight tensor, by its name in the model');
    command
      .option('--at <position>', 'one weight of it: a number for each axis, from 0, or a flat index')
      .option('--top <n>', 'how many of its best weights to show', parseCount, 5);
  },
  run,
};

async function run({ flags, operands, output }: CommandContext<ExplainFlags>): Promise<undefined> {
  const { Explainer } = await import('../../methods/gspf/explain.ts');
  const { readScores } = await import('../../node/scores-file.ts');
  const [path = ''] = operands;
  const explainer = new Explainer(await readScores(path));
  if (flags.at === undefined) {
    const explanation = explainer.tensor(flags.tensor, flags.top);
    output.result({ document: { ...explanation }, text: tensorText(explanation) });
  } else {
    const explanation = explainer.weight(flags.tensor, parsePosition(flags.at));
    output.result({ document: { ...explanation }, text: weightText(explanation) });
  }
}

function parsePosition(text: string): number[] {
  const parts = text.replace(/^\[(.*)\]$/, '$1').split(',');
  if (parts.every((part) => /^\s*\d+\s*$/.test(part))) return parts.map(Number);
  throw new GspfError('usage/option', {
    subject: '--at',
    expected: 'whole numbers with commas between, such as 17,301',
    got: `"${text}"`,
  });
}

function tensorText(explanation: TensorExplanation): string {
  const { tensor, shape, weights, selected, reason, best, meanS, largestS, meanMagnitude, largestScore } =
    explanation;
  const summary = alignColumns([
    ['tensor', `${tensor} [${shape.join(', ')}]`],
    [
      'selected',
      `${formatCount(selected)} of ${formatCount(weights)} weights (${formatShare(selected / weights)})`,
    ],
    ['', reason],
    ...(meanS === null || largestS === null
      ? []
      : [['S', `${digits(meanS)} on average, ${digits(largestS)} at most`]]),
    ...(meanMagnitude === null ? [] : [['|θ|', `${digits(meanMagnitude)} on average`]]),
    ...(largestScore === null ? [] : [['S̃', `${digits(largestScore)} at most`]]),
  ]);
  if (best.length === 0) return summary;
  const rows = best.map((weight) => [
    `[${weight.position.join(', ')}]`,
    ...[weight.S, weight.z, Math.abs(weight.theta), weight.score].map((value) =>
      value === null ? '–' : digits(value),
    ),
    weight.rank === null ? '–' : formatCount(weight.rank),
    weight.selected ? 'yes' : 'no',
  ]);
  const header = ['best weights', 'S', 'z', '|θ|', 'S̃', 'rank', 'selected'];
  return `${summary}\n\n${alignColumns([header, ...rows], { right: [1, 2, 3, 4, 5, 6] })}`;
}

function weightText(explanation: WeightExplanation): string {
  const { tensor, position, reason, S, z, moments, theta, score, rank, unit } = explanation;
  const range = unit === null || unit.name === 'all' ? '' : ` in ${unit.name}`;
  return alignColumns([
    ['weight', `${tensor} [${position.join(', ')}]`],
    ['', reason],
    ...(S === null ? [] : [['S', digits(S)]]),
    ...(z === null || moments === null
      ? []
      : [['z', `${digits(z)}  (μ ${digits(moments.mean)}, σ ${digits(moments.deviation)})`]]),
    ...(Number.isNaN(theta) ? [] : [['|θ|', digits(Math.abs(theta))]]),
    ...(score === null ? [] : [['S̃', digits(score)]]),
    ...(rank === null || unit === null
      ? []
      : [
          ['rank', `${formatCount(rank)} of ${formatCount(unit.candidates)}${range}`],
          ['threshold', unit.threshold === null ? 'nothing selected' : digits(unit.threshold)],
          ['budget', `${formatCount(unit.budget)} weights${range}`],
        ]),
  ]);
}

/** Four significant digits. */
function digits(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e5)
    ? value.toExponential(3)
    : value.toPrecision(4);
}
