import { GspfError, suggest } from '../errors.ts';
import { formatType, type Tensor } from '../tensor.ts';
import { cloneTensor, gather, scatter } from './bits.ts';
import { baseSha256, type CreateSha256 } from './hash.ts';
import type { PatchMetadata } from './metadata.ts';
import { type Changes, checkUpdate, type DenseTensor, type Patch, type SparseUpdate } from './patch.ts';

/** A patched model, and the patch on it that leads back. */
export interface AppliedPatch {
  readonly tensors: Map<string, Tensor>;
  readonly undo: Patch;
}

/**
 * The tensors of a base with a patch applied.
 *
 * Tensors that change in part are copies, all others share the memory of the base or of the patch, as `undo`
 * shares that of the base.
 *
 * @throws `input/patch-base` if the base is not the one that the patch is for, `input/patch` if the patch does
 * not fit it nonetheless.
 */
export function applyPatch(
  base: ReadonlyMap<string, Tensor>,
  patch: Patch,
  { createSha256 }: { readonly createSha256: CreateSha256 },
): AppliedPatch {
  requireBase(patch.metadata, baseSha256(base, createSha256));
  const { tensors, previous } = exchange(base, patch);
  const metadata: PatchMetadata = {
    ...patch.metadata,
    baseSha256: baseSha256(tensors, createSha256),
    baseName: `${patch.metadata.baseName} with its patch`,
    method: 'undo',
    id2label: [],
    extra: {},
  };
  return { tensors, undo: { metadata, ...previous } };
}

/**
 * The base that a patched model was made from, bit for bit, from the undo patch that {@link applyPatch} gave.
 *
 * @throws `input/patch-base` if the model is not the one that the undo patch was given with.
 */
export function revertPatch(
  merged: ReadonlyMap<string, Tensor>,
  undo: Patch,
  { createSha256 }: { readonly createSha256: CreateSha256 },
): Map<string, Tensor> {
  requireBase(undo.metadata, baseSha256(merged, createSha256));
  return exchange(merged, undo).tensors;
}

/**
 * Refuses a base whose hash is not the one that the patch names.
 *
 * @throws `input/patch-base` naming both.
 */
export function requireBase({ baseSha256: expected, baseName }: PatchMetadata, sha256: string): void {
  if (sha256 === expected) return;
  throw new GspfError('input/patch-base', {
    subject: 'base of the patch',
    expected: `"${baseName}" with sha256 ${expected}`,
    got: `sha256 ${sha256}`,
    hint: 'Use the very model that the patch was made from: the same revision, element type and tensor names.',
  });
}

/** Changes applied to a copy, with those that lead back; what changes in part is copied first. */
export function exchange(
  base: ReadonlyMap<string, Tensor>,
  changes: Changes,
): { readonly tensors: Map<string, Tensor>; readonly previous: Changes } {
  checkFits(base, changes);
  const tensors = new Map(base);
  for (const [name, { kind }] of changes.tensors) {
    const tensor = base.get(name);
    if (kind === 'sparse' && tensor !== undefined) tensors.set(name, cloneTensor(tensor));
  }
  return { tensors, previous: swapIn(tensors, changes) };
}

/**
 * Applies changes to a loaded model in place and returns those that lead back: `swapIn(tensors, swapIn(tensors,
 * changes))` leaves every bit as it was. The time it takes goes with the changes, not with the model.
 *
 * Sparse updates are written into the tensors' own memory, dense ones take their place in the map and keep
 * sharing the memory of `changes`. The base is not hashed: {@link requireBase} does that where its hash is known.
 *
 * @throws `input/patch` if the changes do not fit, before anything is written.
 */
export function swapIn(tensors: Map<string, Tensor>, changes: Changes): Changes {
  checkFits(tensors, changes);
  const previous = new Map<string, SparseUpdate | DenseTensor>();
  const added: string[] = [];
  for (const [name, update] of changes.tensors) {
    const tensor = tensors.get(name);
    if (update.kind === 'dense') {
      if (tensor === undefined) added.push(name);
      else previous.set(name, { kind: 'dense', tensor });
      tensors.set(name, update.tensor);
    } else if (tensor !== undefined) {
      const { kind, indices, values } = update;
      previous.set(name, { kind, indices, values: gather(tensor, indices) });
      scatter(tensor, indices, values);
    }
  }
  for (const name of changes.removed) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) previous.set(name, { kind: 'dense', tensor });
    tensors.delete(name);
  }
  return { tensors: previous, removed: added };
}

/**
 * Checks that changes are such as can be made to these tensors.
 *
 * @throws `input/patch` for a sparse update or a removal of a tensor that is not there, another element type,
 * indices that do not ascend, do not match their values or lie past the end.
 */
export function checkFits(
  tensors: ReadonlyMap<string, Tensor>,
  { tensors: updates, removed }: Changes,
): void {
  for (const [name, update] of updates) {
    const tensor = tensors.get(name);
    if (tensor === undefined) {
      if (update.kind === 'sparse') failMissing(name, tensors);
      continue;
    }
    const { dtype } = update.kind === 'dense' ? update.tensor : update.values;
    if (dtype !== tensor.dtype) fail(name, `the base's type, ${tensor.dtype}`, dtype);
    if (update.kind === 'dense') continue;
    checkUpdate(update, subjectOf(name));
    const last = update.indices.at(-1) ?? -1;
    if (last >= tensor.data.length) {
      fail(name, `indices below ${tensor.data.length}, the size of ${formatType(tensor)}`, `${last}`);
    }
  }
  for (const name of removed) if (!tensors.has(name)) failMissing(name, tensors);
}

function subjectOf(name: string): string {
  return `tensor ${JSON.stringify(name)}`;
}

function failMissing(name: string, tensors: ReadonlyMap<string, Tensor>): never {
  return fail(name, 'a tensor of the base', 'none of that name', suggest(name, tensors.keys()));
}

function fail(name: string, expected: string, got: string, hint = ''): never {
  throw new GspfError('input/patch', { subject: subjectOf(name), expected, got, hint });
}
