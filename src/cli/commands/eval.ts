import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import { type ClassScores, type ConfusionMatrix, classScores } from '../../metrics/classification.ts';
import type { Model } from '../../node/model.ts';
import { labelsOf } from '../../tasks/task.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { type EvalFlags, loadEvaluation } from '../evaluation-task.ts';
import { alignColumns, formatCount, formatMetric, metricName } from '../format.ts';
import {
  baseOption,
  batchSizeOption,
  openModel,
  patchOption,
  precisionOption,
  threadsOption,
} from '../model-options.ts';
import {
  columnOptions,
  heldOutOptions,
  limitEvalOption,
  taskOptions,
  textColumnOptions,
} from '../task-options.ts';

export const evaluate: CommandDefinition<EvalFlags> = {
  usage: 'eval',
  description: "score a model on a task's evaluation data, or on the whole of a table",
  examples: [
    'gspf eval --model all-MiniLM-L6-v2 --patch runs/mails --task text-classification --data new.csv',
    'gspf eval --patch runs/mails --task text-classification --data mails.csv --eval-ratio 0.1',
    'gspf eval --model all-MiniLM-L6-v2 --patch runs/glue --task glue --data glue',
  ],
  options,
  run,
};

function options(command: Command): void {
  baseOption(command);
  patchOption(command);
  taskOptions(command);
  command.optionsGroup('Data:');
  heldOutOptions(command);
  limitEvalOption(command);
  textColumnOptions(command);
  columnOptions(command);
  batchSizeOption(command, 64);
  threadsOption(command);
  precisionOption(command);
}

async function run({ io, flags, output }: CommandContext<EvalFlags>): Promise<undefined> {
  if (flags.task === 'glue') {
    return (await import('../glue-table.ts')).evaluateGlue(flags, { io, output });
  }
  const model = await openModel(flags, { io, output });
  try {
    const task = await loadEvaluation(flags, {
      labels: model.labels,
      featureColumns: 'base' in model ? undefined : model.featureColumns,
    });
    for (const note of task.notes) output.note(note);
    const names = labelsOf(task);
    const remark =
      names.length > 0 ? compareLabels(model.requireLabels(task.kind), task.name, names) : undefined;
    if (remark !== undefined) output.note(remark);
    const { metrics, confusion } = await model.evaluateInDetail(task, flags.batchSize);
    const byClass = confusion && classScores(confusion);
    // Classes of arrays are numbers.
    const classNames = names.length > 0 ? names : (byClass ?? []).map((_, label) => `${label}`);
    const examples = task.evaluation.length;
    output.result({
      document: {
        model: model.name,
        patch: flags.patch ?? null,
        task: task.name,
        examples,
        primaryMetric: task.primaryMetric,
        metrics,
        labels: names,
        classes: byClass ?? null,
        confusion: confusion === undefined ? null : confusionRows(confusion),
      },
      text: [
        metricsTable(model, flags.patch, examples, metrics),
        ...(byClass === undefined ? [] : [classTable(classNames, byClass)]),
        ...(confusion === undefined ? [] : [confusionTable(classNames, confusion)]),
      ].join('\n\n'),
    });
  } finally {
    await model.release();
  }
}

/** What to tell of labels that are named differently. @throws `input/model` where their number differs. */
function compareLabels(
  labels: readonly string[],
  task: string,
  wanted: readonly string[],
): string | undefined {
  if (labels.length !== wanted.length) {
    throw new GspfError('input/model', {
      subject: `task ${task}`,
      expected: `a model with ${wanted.length} labels (${wanted.join(', ')})`,
      got: `${labels.length} (${labels.join(', ')})`,
      hint: 'Give the patch of a run on this task (--patch).',
    });
  }
  if (labels.every((label, i) => label === wanted[i])) return undefined;
  return `The model's labels ${labels.join(', ')} are taken for ${wanted.join(', ')}, in this order.`;
}

function metricsTable(
  model: Pick<Model, 'name'>,
  patch: string | undefined,
  examples: number,
  metrics: Readonly<Record<string, number>>,
): string {
  return alignColumns([
    ['model', patch === undefined ? model.name : `${model.name} with ${patch}`],
    ['examples', formatCount(examples)],
    ...Object.entries(metrics).map(([name, value]) => [metricName(name), formatMetric(name, value)]),
  ]);
}

function classTable(labels: readonly string[], scores: readonly ClassScores[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
  const rows = scores.map(({ precision, recall, f1, support }, label) => [
    labels[label] ?? `${label}`,
    ...[precision, recall, f1].map(percent),
    formatCount(support),
  ]);
  return alignColumns([['by label', 'precision', 'recall', 'F1', 'rows'], ...rows], { right: [1, 2, 3, 4] });
}

/** More labels than this make no table that a terminal can show. */
const WIDEST = 12;

function confusionTable(labels: readonly string[], matrix: ConfusionMatrix): string {
  if (labels.length > WIDEST) return `The confusion of ${labels.length} labels is in --json.`;
  const rows = confusionRows(matrix).map((counts, label) => [
    labels[label] ?? '',
    ...counts.map(formatCount),
  ]);
  const right = labels.map((_, column) => column + 1);
  return alignColumns([['label ↓  predicted →', ...labels], ...rows], { right });
}

/** `[expected][predicted]` */
function confusionRows({ classes, counts }: ConfusionMatrix): number[][] {
  return Array.from({ length: classes }, (_, row) =>
    Array.from(counts.slice(row * classes, (row + 1) * classes)),
  );
}
