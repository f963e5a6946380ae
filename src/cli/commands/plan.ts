import type { Command } from 'commander';
import type { MemoryPlan, PhasePlan, RunPlan } from '../../plan/plan.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns, formatBytes, formatCount, formatDuration, formatShare } from '../format.ts';
import { modelOption, openModel, threadsOption } from '../model-options.ts';
import {
  columnOptions,
  limitEvalOption,
  splitOptions,
  type TaskFlags,
  taskOptions,
  taskOptionsOf,
  textColumnOptions,
} from '../task-options.ts';
import { readTrainOptions, type TrainOptionFlags, trainOptions } from '../train-options.ts';

interface PlanFlags extends TaskFlags, TrainOptionFlags {
  readonly model: string;
  readonly threads?: number;
}

export const plan: CommandDefinition<PlanFlags> = {
  usage: 'plan',
  description: 'predict the memory and time that train would take, without training',
  examples: ['gspf plan --model all-MiniLM-L6-v2 --task sst2 --data glue/SST-2 --batch-size 64'],
  options,
  run,
};

function options(command: Command): void {
  modelOption(command);
  taskOptions(command);
  command.optionsGroup('Data:');
  splitOptions(command);
  limitEvalOption(command);
  textColumnOptions(command);
  columnOptions(command);
  command.optionsGroup('Training (docs/options.md has all of it):');
  trainOptions(command);
  threadsOption(command);
}

async function run({ io, flags, output }: CommandContext<PlanFlags>): Promise<undefined> {
  const { loadTask } = await import('../../node/fine-tune.ts');
  const { planRun } = await import('../../plan/plan.ts');
  const given = await readTrainOptions(flags);
  const model = await openModel(
    { model: flags.model, ...(flags.threads && { threads: flags.threads }) },
    { io, output },
  );
  try {
    const task = await loadTask(flags.task, { ...taskOptionsOf(flags), seed: given.seed });
    const planned = await planRun(model, task, given, model.environment);
    for (const note of planned.notes) output.note(note);
    output.result({ document: { ...planned }, text: planText(planned) });
  } finally {
    await model.release();
  }
}

const phaseNames: { readonly [P in PhasePlan['phase']]: string } = { warmup: 'warm-up', train: 'train' };

const memoryNames: { readonly [M in keyof MemoryPlan]: string } = {
  process: 'process and data',
  weights: 'weights',
  gradients: 'gradients',
  optimizer: 'sums and moments',
  activations: 'activations',
  prefix: 'prefix',
  checkpoint: 'checkpoint',
};

const memoryKinds: readonly (keyof MemoryPlan)[] = [
  'process',
  'weights',
  'gradients',
  'optimizer',
  'activations',
  'prefix',
  'checkpoint',
];

function planText({
  phases,
  parameters,
  selected,
  elapsedMs,
  peakBytes,
  patchBytes,
  prefixDiskBytes,
}: RunPlan): string {
  const cells = (of: (phase: PhasePlan) => string): string[] => phases.map(of);
  const table = [
    ['', ...cells(({ phase }) => phaseNames[phase])],
    ['steps', ...cells(({ steps }) => formatCount(steps))],
    ['time a step', ...cells(({ stepMs }) => formatDuration(stepMs))],
    ['beforehand', ...cells(({ setupMs }) => formatDuration(setupMs))],
    ['time', ...cells(({ steps, stepMs, setupMs }) => formatDuration(setupMs + steps * stepMs))],
    ...memoryKinds.map((kind) => [memoryNames[kind], ...cells(({ memory }) => formatBytes(memory[kind]))]),
    ['peak memory', ...cells((phase) => formatBytes(phase.peakBytes))],
  ];
  const right = phases.map((_, column) => column + 1);
  const summary = alignColumns([
    [
      'weights',
      `${formatCount(selected)} of ${formatCount(parameters)} trained (${formatShare(selected / parameters)})`,
    ],
    ['time', `${formatDuration(elapsedMs)}, evaluation included`],
    ['peak memory', formatBytes(peakBytes)],
    ['patch', `about ${formatBytes(patchBytes)}`],
    ...(prefixDiskBytes === 0 ? [] : [['on disk while it runs', formatBytes(prefixDiskBytes)]]),
  ]);
  return `${alignColumns(table, { right })}\n\n${summary}`;
}
