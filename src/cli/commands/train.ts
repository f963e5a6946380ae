import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import type { Progress } from '../../training/observer.ts';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import { formatShare, plural } from '../format.ts';
import { isLive } from '../io.ts';
import { modelOption, openModel, threadsOption } from '../model-options.ts';
import { ProgressDisplay } from '../progress.ts';
import { runSummary } from '../run-summary.ts';
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

export interface TrainFlags extends TaskFlags, TrainOptionFlags {
  readonly model: string;
  readonly out: string;
  readonly overwrite?: true;
  readonly resume?: true;
  readonly keepScores?: true;
  readonly selection?: string;
  readonly profile?: string;
  readonly threads?: number;
}

export const train: CommandDefinition<TrainFlags> = {
  usage: 'train',
  description: 'fine-tune a model on a task; what changed goes into a patch',
  examples: [
    'gspf train --model all-MiniLM-L6-v2 --task text-classification --data mails.csv --out runs/mails',
    'gspf train --model all-MiniLM-L6-v2 --task sst2 --data glue/SST-2 --out runs/sst2 --ratio 0.3% --seed 7',
  ],
  options,
  run,
};

function options(command: Command): void {
  modelOption(command);
  taskOptions(command);
  requiredOption(command, '--out <dir>', 'directory to write the run to');
  command.option('--overwrite', 'replace the run in that directory');
  command.option('--resume', 'go on with the interrupted run in that directory');
  command.option('--keep-scores', 'also write what every weight was judged by, for gspf explain');
  command.option('--selection <file>', 'train the weights of a selection.safetensors, without a warm-up');
  command.option('--profile <file>', 'write what time was spent on, as a trace for chrome://tracing');
  command.optionsGroup('Data:');
  splitOptions(command);
  limitEvalOption(command);
  textColumnOptions(command);
  columnOptions(command);
  command.optionsGroup('Training (docs/options.md has all of it):');
  trainOptions(command);
  threadsOption(command);
}

async function run({ io, flags, output, commandLine }: CommandContext<TrainFlags>): Promise<undefined> {
  const { isFinished, openRunDirectory, requireSameOptions } = await import('../../node/run-directory.ts');
  const { resolveOptions } = await import('../../options/resolve.ts');
  const { overwrite, resume } = flags;
  const given = await readTrainOptions(flags);
  if (resume && !overwrite && (await isFinished(flags.out))) {
    await requireSameOptions(flags.out, resolveOptions(given, { task: flags.task }).options);
    const text = `The run in ${flags.out} is finished: there is nothing to resume.`;
    output.result({ document: { directory: flags.out, finished: true }, text });
    return;
  }
  const { fineTune, loadTask } = await import('../../node/fine-tune.ts');
  const profiler =
    flags.profile === undefined ? undefined : new (await import('../../node/profiler.ts')).Profiler();
  const model = await openModel(
    { model: flags.model, profiler, ...(flags.threads && { threads: flags.threads }) },
    { io, output },
  );
  const task = await loadTask(flags.task, { ...taskOptionsOf(flags), seed: given.seed });
  const { options: resolved } = resolveOptions(given, { task: task.name });
  const directory = await openRunDirectory(flags.out, {
    overwrite,
    resume,
    command: commandLine,
    now: io.now,
  });
  if (directory.tookOver !== undefined) {
    const { pid, since } = directory.tookOver;
    output.note(`Took ${flags.out} over from process ${pid} of ${since}, which is gone.`);
  }
  output.note(
    `Fine-tuning ${model.name} on ${task.name}: ${plural(task.train.length, 'example')} to train on, ${task.evaluation.length} to evaluate on.`,
  );

  const display = new ProgressDisplay(io.stderr, { live: isLive(io), epochs: resolved.epochs });
  const shown = output.quiet ? undefined : display;
  const interrupt = new AbortController();
  const stopListening = io.onInterrupt(() => {
    interrupt.abort();
    display.line('Stopping after this step. Press Ctrl-C again to leave at once.');
  });
  let last: Progress | undefined;
  try {
    const result = await fineTune(model, task, {
      ...given,
      checkpointDirectory: directory.file('checkpoint'),
      resume,
      selectionFile: flags.selection,
      onResume: (from) => {
        directory.onResume(from);
        shown?.line(`Resumed after step ${from.step}.`);
      },
      onNote: (note) => shown?.line(note),
      ...(flags.keepScores && { onScores: directory.onScores }),
      onProgress: (progress) => {
        last = progress;
        directory.onProgress(progress);
        shown?.onProgress(progress);
      },
      onEvaluation: (evaluation) => {
        directory.onEvaluation(evaluation);
        shown?.onEvaluation(evaluation);
      },
      signal: interrupt.signal,
    });
    display.clear();
    const record = await directory.finish(result);
    output.result({
      document: { directory: directory.path, ...record },
      text: runSummary(record, directory, flags),
    });
  } catch (error) {
    display.clear();
    directory.close();
    throw explainStop(error, last, directory.path);
  } finally {
    stopListening();
    await model.release();
    if (flags.profile !== undefined && profiler !== undefined) {
      const share = formatShare(await profiler.write(flags.profile));
      output.note(
        `${flags.profile} is for chrome://tracing or ui.perfetto.dev: ${share} was spent in onnxruntime.`,
      );
    }
    profiler?.release();
  }
}

/** Says where a stopped run stood, and how to go on. */
function explainStop(error: unknown, last: Progress | undefined, directory: string): unknown {
  if (!(error instanceof GspfError) || error.code !== 'usage/cancelled') return error;
  const where = last === undefined ? 'before its first step' : `after step ${last.step} of ${last.steps}`;
  return new GspfError('usage/cancelled', {
    subject: `The run was stopped ${where}`,
    hint: `A checkpoint is in ${directory}: the same command with --resume goes on from there.`,
    cause: error,
  });
}
