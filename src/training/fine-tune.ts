import { full } from '../methods/full.ts';
import { gspf } from '../methods/gspf/gspf.ts';
import { countAll, type Selection } from '../methods/selection.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { TrainOptions } from '../options/options.ts';
import { type PatchMetadata, patchFormat } from '../patch/metadata.ts';
import { originStrings } from '../patch/origin.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import { labelsOf, type Task } from '../tasks/task.ts';
import { version } from '../version.ts';
import { beginRun, type CheckpointOptions } from './begin-run.ts';
import { compareWithInitial } from './compare-with-initial.ts';
import type { SavedSelection } from './given-selection.ts';
import type { Observer } from './observer.ts';
import type { RunReport } from './run-report.ts';

/** What a run leaves. */
export interface FineTuned {
  readonly patch: Patch;
  readonly selection: Selection;
  readonly report: RunReport;
}

/**
 * Fine-tunes a model on a task: GSPF's three phases, or every weight with `method: full`.
 *
 * The model itself stays as it is; what changed is in the patch. A run that resumes ends with the patch of the
 * uninterrupted one, byte for byte.
 *
 * @param saved Weights to train from the first epoch on, without a warm-up.
 * @throws `usage/option` for options that are wrong or do not fit the model, `input/data` for a task without
 *   examples, `training/diverged` for a loss that is no number, `usage/cancelled` where the observer stops the run.
 */
export async function fineTune(
  model: TrainableModel,
  task: Task,
  given: TrainOptions,
  environment: Environment,
  observer: Observer = {},
  checkpoints?: CheckpointOptions,
  saved?: SavedSelection,
): Promise<FineTuned> {
  const { run, described, checkpoint } = await beginRun(
    model,
    task,
    given,
    environment,
    observer,
    checkpoints,
    saved,
  );
  const { prepared, options } = run;

  const { selection, changed, everSelected, selections } =
    options.method === 'full' ? await full(run, checkpoint) : await gspf(run, checkpoint, saved?.selection);
  run.judgeLosses();
  await run.release();

  const { frozen, ...changes } = await compareWithInitial(prepared, changed, environment);
  const sizes = run.sizes([...prepared.weights.keys()]);
  const parameters = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  const active = countAll(selection, sizes);
  const cumulative = countAll(everSelected, sizes);
  const rounds = options.method === 'gspf' && options.prefix.precision === 'int8';
  const metadata: PatchMetadata = {
    ...patchFormat,
    baseSha256: prepared.baseSha256,
    baseName: model.name,
    method: options.method,
    task: task.name,
    id2label: labelsOf(task),
    selected: active,
    ratio: active / parameters,
    createdBy: `gspf ${version}`,
    extra: {
      ...prepared.objective.patchMetadata,
      max_length: `${prepared.maxLength}`,
      ...(rounds ? { prefix_precision: 'int8' } : {}),
      task_kind: task.kind,
      ...originStrings(model.origin),
    },
  };
  run.endPhase('finish', 0, 0);
  return {
    patch: { metadata, ...changes },
    selection,
    report: {
      options,
      model: {
        name: model.name,
        origin: model.origin ?? null,
        baseSha256: prepared.baseSha256,
        parameters,
      },
      task: described,
      runtime: environment.backend.name,
      phases: run.phases,
      selections,
      prefix: run.passes.prefixReport,
      evaluations: run.evaluations,
      metrics: run.evaluations.at(-1)?.metrics ?? {},
      primaryMetric: task.primaryMetric,
      active,
      cumulative,
      activeShare: active / parameters,
      cumulativeShare: cumulative / parameters,
      frozen,
      notes: run.notes,
      elapsedMs: run.elapsedMs(),
      peakRssBytes: environment.memory().peakRssBytes,
    },
  };
}
