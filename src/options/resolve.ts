import { GspfError } from '../errors.ts';
import { optionPaths } from './catalogue.ts';
import type { ResolvedTrainOptions, TrainOptions } from './options.ts';
import { parseOptions } from './parse.ts';
import { firstRates, presetValues } from './presets.ts';
import { givenOptionsSchema, trainOptionsSchema } from './schema.ts';
import { mergeOptions, type OptionTree, valueAt } from './tree.ts';

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
  const { preset, method, select } = parseOptions(givenOptionsSchema, given);
  const values = presetValues(preset, method, task, select?.frontier);
  const tree = mergeOptions(values, given);
  if (tree['lr'] === undefined) {
    throw new GspfError('usage/option', {
      subject: 'lr',
      expected: `a number above 0, for preset ${preset} has no values for task ${task}`,
      got: 'nothing',
      hint: `Try ${firstRates[method]} (--lr ${firstRates[method]}), the best of method ${method} on text classification, then a third and three times of it.`,
    });
  }
  const options = parseOptions(trainOptionsSchema, tree);
  const supplied = optionPaths()
    .map(({ path }) => ({ path, names: path.split('.') }))
    .filter(({ names }) => valueAt(values, names) !== undefined && valueAt(given, names) === undefined)
    .map(({ path, names }) => `${path} ${valueAt(options, names)}`);
  const taken =
    supplied.length === 0 ? [] : [`Preset ${preset} for ${task} with ${method}: ${supplied.join(', ')}.`];
  return { options, taken };
}
