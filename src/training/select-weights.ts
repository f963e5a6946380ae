import { GspfError } from '../errors.ts';
import { chooseFirst, openField } from '../methods/gspf/first-choice.ts';
import { reportOf } from '../methods/gspf/refinement.ts';
import { warmupBatches } from '../methods/gspf/warmup.ts';
import type { Selection } from '../methods/selection.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { TrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Task } from '../tasks/task.ts';
import { beginRun } from './begin-run.ts';
import type { Observer } from './observer.ts';
import type { RunReport, SelectionReport } from './run-report.ts';

/** A selection without the training that would follow it. */
export interface SelectedWeights {
  readonly selection: Selection;
  readonly report: SelectedWeightsReport;
}

/** How the selection came about. */
export interface SelectedWeightsReport
  extends Pick<
    RunReport,
    'options' | 'model' | 'task' | 'runtime' | 'phases' | 'notes' | 'elapsedMs' | 'peakRssBytes'
  > {
  readonly selection: SelectionReport;
  /** Weights of each of the model's tensors, in tensor order. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * GSPF's phases 1 and 2 alone: measures every eligible weight's sensitivity and selects, as a run with the same
 * options would. The model stays as it is.
 *
 * @throws as `fineTune`, and `usage/option` for the method `full`, which selects nothing.
 */
export async function selectWeights(
  model: TrainableModel,
  task: Task,
  given: TrainOptions,
  environment: Environment,
  observer: Observer = {},
): Promise<SelectedWeights> {
  const { run, described } = await beginRun(model, task, given, environment, observer);
  const { prepared, options } = run;
  if (options.method !== 'gspf') {
    throw new GspfError('usage/option', {
      subject: 'method',
      expected: 'gspf, which selects weights',
      got: options.method,
    });
  }
  const field = openField(run);
  run.steps = warmupBatches(run);
  const { choice, batches, narrowed } = await chooseFirst(run, field);
  await run.release();
  const sizes = run.sizes([...prepared.weights.keys()]);
  return {
    selection: choice.selection,
    report: {
      options,
      model: {
        name: model.name,
        origin: model.origin ?? null,
        baseSha256: prepared.baseSha256,
        parameters: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      },
      task: described,
      runtime: environment.backend.name,
      phases: run.phases,
      selection: reportOf(choice, options.warmup.epochs, batches, choice.selected, narrowed),
      sizes: Object.fromEntries(sizes),
      notes: run.notes,
      elapsedMs: run.elapsedMs(),
      peakRssBytes: environment.memory().peakRssBytes,
    },
  };
}
