import { type MemoryCategory, memoryCategories } from '../measure/memory.ts';
import type { RunDirectory, RunRecord } from '../node/run-directory.ts';
import type { PhaseReport } from '../training/run-report.ts';
import type { TrainFlags } from './commands/train.ts';
import {
  alignColumns,
  formatBytes,
  formatCount,
  formatDuration,
  formatMetric,
  formatShare,
  metricName,
  plural,
  shellWord,
} from './format.ts';
import { trial, unseenData } from './task-options.ts';

const phaseNames: { readonly [P in PhaseReport['phase']]: string } = {
  prepare: 'prepare',
  warmup: 'warm-up',
  select: 'select',
  train: 'train',
  finish: 'finish',
};

/** What a finished run came to, and what to do with it. */
export function runSummary(record: RunRecord, directory: RunDirectory, flags: TrainFlags): string {
  return `\n${alignColumns(summaryRows(record, directory))}\n\nNext:\n${alignColumns(nextCommands(directory, flags), { indent: '  ' })}`;
}

function summaryRows(record: RunRecord, directory: RunDirectory): readonly (readonly string[])[] {
  const { metrics, model, active, cumulative, frozen, phases, patch } = record;
  const share = (count: number): string =>
    `${formatCount(count)} of ${formatCount(model.parameters)} (${formatShare(count / model.parameters)})`;
  return [
    ...Object.entries(metrics).map(([name, value]) => [metricName(name), formatMetric(name, value)]),
    ['trained weights', share(active)],
    ...(cumulative === active ? [] : [['changed weights', share(cumulative)]]),
    ['frozen weights', frozenProof(frozen)],
    ['time', formatDuration(record.elapsedMs)],
    ...phases.map((phase) => [`  ${phaseNames[phase.phase]}`, phaseTime(phase)]),
    ...peakByCategory(record),
    ['patch', `${directory.file('patch')} (${formatBytes(patch.sizeBytes)})`],
    ['report', directory.file('report')],
  ];
}

function frozenProof({ weights, sha256After }: RunRecord['frozen']): string {
  if (weights === 0) return 'none';
  return `${formatCount(weights)}, unchanged to the bit (sha256 ${sha256After.slice(0, 12)}… before and after)`;
}

function phaseTime({ elapsedMs, steps, evaluationMs }: PhaseReport): string {
  const details = [
    ...(steps === 0 ? [] : [plural(steps, 'step')]),
    ...(evaluationMs === 0 ? [] : [`${formatDuration(evaluationMs)} of it evaluation`]),
  ];
  return `${formatDuration(elapsedMs)}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

const memoryNames: { readonly [M in MemoryCategory]: string } = {
  weights: 'weights',
  activations: 'kept activations',
  gradients: 'gradients',
  optimizer: 'sums and moments',
  prefix: 'prefix cache',
  heap: 'JavaScript heap',
  runtime: 'programs (mapped files)',
  rest: 'runtime, data, slack',
};

/** The peak, and what held the memory in the phase that had it. */
function peakByCategory({ phases, peakRssBytes }: RunRecord): readonly (readonly string[])[] {
  const peak = Math.max(...phases.map((phase) => phase.peakRssBytes));
  const at = phases.find((phase) => phase.peakRssBytes === peak);
  if (at === undefined) return [['peak memory', formatBytes(peakRssBytes)]];
  return [
    ['peak memory', `${formatBytes(peakRssBytes)}, in ${phaseNames[at.phase]}`],
    ...memoryCategories
      .filter((category) => at.memory[category] > 0)
      .map((category) => [`  ${memoryNames[category]}`, formatBytes(at.memory[category])]),
  ];
}

function nextCommands(directory: RunDirectory, flags: TrainFlags): readonly (readonly [string, string])[] {
  const patch = shellWord(directory.path);
  const data = unseenData(flags);
  const evaluate = `gspf eval --patch ${patch} --task ${flags.task}`;
  const merged = shellWord(`${directory.path.replace(/[/\\]+$/, '')}-merged`);
  return [
    ['try it', `gspf predict --patch ${patch} ${trial(flags)}`],
    ['score it', data === undefined ? evaluate : `${evaluate} --data ${shellWord(data)}`],
    ['merge it', `gspf patch apply ${patch} --out ${merged}`],
  ];
}
