import { join } from 'node:path';
import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import {
  alignColumns,
  formatBytes,
  formatCount,
  formatDuration,
  formatShare,
  plural,
  shellWord,
} from '../format.ts';
import { isLive } from '../io.ts';
import { modelOption, openModel, threadsOption } from '../model-options.ts';
import { ProgressDisplay } from '../progress.ts';
import { selectionTable } from '../selection-table.ts';
import {
  columnOptions,
  splitOptions,
  type TaskFlags,
  taskOptions,
  taskOptionsOf,
  textColumnOptions,
} from '../task-options.ts';
import { readTrainOptions, type TrainOptionFlags, trainOptions } from '../train-options.ts';

interface SelectFlags extends TaskFlags, TrainOptionFlags {
  readonly model: string;
  readonly out: string;
  readonly overwrite?: true;
  readonly keepScores?: true;
  readonly threads?: number;
}

export const selectCommand: CommandDefinition<SelectFlags> = {
  usage: 'select',
  description: 'choose the weights that train would train, and show where they lie',
  examples: ['gspf select --model all-MiniLM-L6-v2 --task sst2 --data glue/SST-2 --out chosen --keep-scores'],
  options,
  run,
};

function options(command: Command): void {
  modelOption(command);
  taskOptions(command);
  requiredOption(command, '--out <dir>', 'directory to write the selection to');
  command
    .option('--keep-scores', 'also write what every weight was judged by, for gspf explain')
    .option('--overwrite', 'replace the selection in that directory');
  command.optionsGroup('Data:');
  splitOptions(command);
  textColumnOptions(command);
  columnOptions(command);
  command.optionsGroup('Selection (docs/options.md has all of it):');
  trainOptions(command);
  threadsOption(command);
}

async function run({ io, flags, output }: CommandContext<SelectFlags>): Promise<undefined> {
  const { selectionMap } = await import('../../methods/gspf/selection-map.ts');
  const { exists } = await import('../../node/files.ts');
  const { loadTask } = await import('../../node/fine-tune.ts');
  const { SCORES_FILE, writeScores } = await import('../../node/scores-file.ts');
  const { selectionFiles, selectWeights, writeSelection } = await import('../../node/select-weights.ts');
  const { out, overwrite = false, keepScores = false } = flags;
  if (!overwrite && (await exists(join(out, selectionFiles.report)))) {
    throw new GspfError('input/exists', {
      subject: out,
      expected: 'a new directory',
      got: 'one that holds a selection',
      hint: 'Choose another directory, or replace the selection with --overwrite.',
    });
  }
  const given = await readTrainOptions(flags);
  const model = await openModel(
    { model: flags.model, ...(flags.threads && { threads: flags.threads }) },
    { io, output },
  );
  const task = await loadTask(flags.task, { ...taskOptionsOf(flags), seed: given.seed });
  const display = new ProgressDisplay(io.stderr, { live: isLive(io), epochs: given.epochs ?? 3 });
  const shown = output.quiet ? undefined : display;
  const interrupt = new AbortController();
  const stopListening = io.onInterrupt(() => interrupt.abort());
  let scoresBytes: number | undefined;
  try {
    const selected = await selectWeights(model, task, {
      ...given,
      onNote: (note) => shown?.line(note),
      onProgress: (progress) => shown?.onProgress(progress),
      ...(keepScores && {
        onScores: async (scores) => {
          scoresBytes = await writeScores(join(out, SCORES_FILE), scores);
        },
      }),
      signal: interrupt.signal,
    });
    display.clear();
    await writeSelection(out, selected);
    const { report } = selected;
    const map = selectionMap(report.sizes, report.selection.perTensor);
    const summary = alignColumns([
      [
        'selected',
        `${formatCount(map.selected)} of ${formatCount(map.weights)} weights (${formatShare(map.selected / map.weights)})`,
      ],
      ['measured on', plural(report.selection.batches, 'batch', 'batches')],
      ['time', formatDuration(report.elapsedMs)],
      ['peak memory', formatBytes(report.peakRssBytes)],
      ['selection', join(out, selectionFiles.selection)],
      ['heat map', join(out, selectionFiles.heatMap)],
      ...(scoresBytes === undefined
        ? []
        : [['scores', `${join(out, SCORES_FILE)} (${formatBytes(scoresBytes)})`]]),
    ]);
    const next =
      scoresBytes === undefined
        ? ''
        : `\n\nNext:\n  gspf explain ${shellWord(out)} --tensor ${shellWord(fullest(report.selection.perTensor))}`;
    output.result({
      document: { directory: out, ...report },
      text: `\n${selectionTable(map)}\n\n${summary}${next}`,
    });
  } catch (error) {
    display.clear();
    throw error;
  } finally {
    stopListening();
    await model.release();
  }
}

/** The tensor with the most selected weights. */
function fullest(perTensor: Readonly<Record<string, number>>): string {
  const [first] = Object.entries(perTensor).sort(([, a], [, b]) => b - a);
  return first?.[0] ?? 'NAME';
}
