import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import type { Model } from '../../node/model.ts';
import type { Task } from '../../tasks/task.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns, formatCount, formatMetric, metricName } from '../format.ts';
import {
  batchSizeOption,
  type ModelFlags,
  modelOption,
  openModel,
  patchOption,
  threadsOption,
} from '../model-options.ts';
import {
  labelColumnOption,
  limitEvalOption,
  type TaskFlags,
  taskOptions,
  taskOptionsOf,
  textColumnOptions,
} from '../task-options.ts';

interface EvalFlags extends ModelFlags, TaskFlags {
  readonly batchSize: number;
}

export const evaluate: CommandDefinition<EvalFlags> = {
  usage: 'eval',
  description: "score a model on a task's evaluation data, or on the whole of a table",
  examples: [
    'gspf eval --model all-MiniLM-L6-v2 --patch runs/mails --task text-classification --data new.csv',
  ],
  options,
  run,
};

function options(command: Command): void {
  modelOption(command);
  patchOption(command);
  taskOptions(command);
  command.optionsGroup('Data:');
  limitEvalOption(command);
  textColumnOptions(command);
  labelColumnOption(command);
  batchSizeOption(command, 64);
  threadsOption(command);
}

async function run({ flags, output }: CommandContext<EvalFlags>): Promise<undefined> {
  const { loadTask } = await import('../../node/fine-tune.ts');
  const model = await openModel(flags);
  try {
    const labels = model.requireLabels();
    const task = await loadTask(flags.task, { ...taskOptionsOf(flags), labels, evaluationOnly: true });
    for (const note of task.notes) output.note(note);
    const remark = compareLabels(labels, task);
    if (remark !== undefined) output.note(remark);
    const metrics = await model.evaluate(task, flags.batchSize);
    const examples = task.evaluation.length;
    output.result({
      document: {
        model: model.name,
        patch: flags.patch ?? null,
        task: task.name,
        examples,
        primaryMetric: task.primaryMetric,
        metrics,
      },
      text: metricsTable(model, flags.patch, examples, metrics),
    });
  } finally {
    await model.release();
  }
}

/** What to tell of labels that are named differently. @throws `input/model` where their number differs. */
function compareLabels(labels: readonly string[], task: Task): string | undefined {
  if (labels.length !== task.labels.length) {
    throw new GspfError('input/model', {
      subject: `task ${task.name}`,
      expected: `a model with ${task.labels.length} labels (${task.labels.join(', ')})`,
      got: `${labels.length} (${labels.join(', ')})`,
      hint: 'Give the patch of a run on this task (--patch).',
    });
  }
  if (labels.every((label, i) => label === task.labels[i])) return undefined;
  return `The model's labels ${labels.join(', ')} are taken for ${task.labels.join(', ')}, in this order.`;
}

function metricsTable(
  model: Model,
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
