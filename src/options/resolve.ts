import type { ResolvedTrainOptions, TrainOptions } from './options.ts';
import { parseOptions, valueAt } from './parse.ts';
import { optionPaths } from './paths.ts';
import { presetValues } from './presets.ts';
import { givenOptionsSchema, trainOptionsSchema } from './schema.ts';
import { mergeOptions, type OptionTree } from './trees.ts';

/** Every option of a run, and what to tell the user about values that nobody gave. */
export interface Resolution {
  readonly options: ResolvedTrainOptions;
  /** Sentences to print: the values that the preset supplied. */
  readonly taken: readonly string[];
}

/**
 * Completes a tree of options: given values win over the preset's, those over the defaults.
 *
 * @throws `usage/option` for unknown names, wrong values, values that contradict each other, and a preset that
 * has none for this task.
 */
export function resolveOptions(
  given: TrainOptions | OptionTree,
  { task }: { readonly task: string },
): Resolution {
  const { preset, method } = parseOptions(givenOptionsSchema, given);
  const values = presetValues(preset, method, task);
  const options = parseOptions(trainOptionsSchema, mergeOptions(values, given));
  const supplied = optionPaths()
    .map(({ path }) => ({ path, names: path.split('.') }))
    .filter(({ names }) => valueAt(values, names) !== undefined && valueAt(given, names) === undefined)
    .map(({ path, names }) => `${path} ${valueAt(options, names)}`);
  const taken =
    supplied.length === 0 ? [] : [`Preset ${preset} for ${task} with ${method}: ${supplied.join(', ')}.`];
  return { options, taken };
}
