import { GspfError } from '../errors.ts';
import { countAll, type Selection } from '../methods/selection.ts';
import { selectionTensors } from '../methods/selection-tensors.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { CreateSha256 } from '../patch/hash.ts';
import { bytesOf } from '../tensor.ts';
import type { Prepared } from './prepare.ts';

/** A selection that was made before: by `gspf select`, or by another run. */
export interface SavedSelection {
  readonly selection: Selection;
  /** Hash of the model whose weights they are. */
  readonly baseSha256: string;
  /** Where it is from, for messages. */
  readonly source: string;
}

/**
 * @throws `usage/option` for a method that selects nothing, `input/data` for the selection of another model or for
 *   weights that the model has not got.
 */
export function requireFits(
  { selection, baseSha256, source }: SavedSelection,
  { weights, baseSha256: base }: Prepared,
  { method }: ResolvedTrainOptions,
): void {
  if (method !== 'gspf') {
    throw new GspfError('usage/option', {
      subject: 'selection',
      expected: 'method gspf, which trains selected weights',
      got: method,
    });
  }
  if (baseSha256 !== base) {
    throw new GspfError('input/data', {
      subject: source,
      expected: `a selection of this model's weights (sha256 ${base})`,
      got: `one of another model (sha256 ${baseSha256})`,
      hint: 'Select anew with gspf select, or give the model that the selection was made for.',
    });
  }
  for (const [name, indices] of selection) {
    const length = weights.get(name)?.data.length ?? 0;
    const last = indices === 'all' ? 0 : (indices.at(-1) ?? 0);
    if (last < length) continue;
    throw new GspfError('input/data', {
      subject: `${source}: tensor "${name}"`,
      expected: length === 0 ? 'a tensor of the model for this task' : `indices below ${length}`,
      got: length === 0 ? 'none of that name' : `${last}`,
    });
  }
}

/** SHA-256 over names and indices. */
export function hashSelection(selection: Selection, createSha256: CreateSha256): string {
  const hash = createSha256();
  for (const [name, tensor] of selectionTensors('selected', new Map([...selection].sort(byName)))) {
    hash.update(new TextEncoder().encode(name));
    hash.update(bytesOf(tensor));
  }
  return hash.hex();
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** What a run says of it. */
export function noteOf({ selection, source }: SavedSelection, { weights }: Prepared): string {
  const sizes = new Map([...weights].map(([name, { data }]) => [name, data.length]));
  return `Trains the ${countAll(selection, sizes)} weights of ${source}: no warm-up.`;
}
