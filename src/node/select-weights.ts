import { join } from 'node:path';
import { heatMapSvg } from '../figures/heat-map.ts';
import { selectionMap } from '../methods/gspf/selection-map.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { TrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Task } from '../tasks/task.ts';
import type { Observer } from '../training/observer.ts';
import { type SelectedWeights, selectWeights as selectIn } from '../training/select-weights.ts';
import { writeAtomically, writeTextAtomically } from './files.ts';
import { encodeSelection } from './selection-file.ts';

/** The files of a selection without training; docs/run-directory.md describes each. */
export const selectionFiles = {
  report: 'selection.json',
  selection: 'selection.safetensors',
  heatMap: 'heat-map.svg',
} as const;

/**
 * GSPF's phases 1 and 2 alone, on a model that stays as it is.
 *
 * @throws as the core's `selectWeights`.
 */
export async function selectWeights(
  model: TrainableModel & { readonly environment: Environment },
  task: Task,
  options: TrainOptions & Observer = {},
): Promise<SelectedWeights> {
  const { onProgress, onEvaluation, onNote, onResume, onScores, signal, ...given } = options;
  const observer = { onProgress, onEvaluation, onNote, onResume, onScores, signal };
  return selectIn(model, task, given, model.environment, observer);
}

/** Writes a selection, its heat map and its report to a directory. */
export async function writeSelection(
  directory: string,
  { selection, report }: SelectedWeights,
): Promise<void> {
  const { model, task, sizes } = report;
  const map = selectionMap(sizes, report.selection.perTensor);
  await writeAtomically(join(directory, selectionFiles.selection), [
    encodeSelection(selection, model.baseSha256),
  ]);
  await writeTextAtomically(
    join(directory, selectionFiles.heatMap),
    heatMapSvg(map, `${model.name} on ${task.name}`),
  );
  await writeTextAtomically(
    join(directory, selectionFiles.report),
    `${JSON.stringify({ format: 'gspf-selection-report', version: 1, ...report }, null, 2)}\n`,
  );
}
