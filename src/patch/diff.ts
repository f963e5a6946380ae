import { GspfError } from '../errors.ts';
import { bytesPerElement, type Tensor } from '../tensor.ts';
import { changedIndices, countChanges, gather, sameType } from './bits.ts';
import { gapsSizeBytes } from './leb128.ts';
import type { PatchMetadata } from './metadata.ts';
import type { Changes, DenseTensor, Patch, SparseUpdate } from './patch.ts';

/** A patch's metadata, of which a difference can count `selected` and `ratio` itself. */
export type DiffMetadata = Omit<PatchMetadata, 'selected' | 'ratio'> &
  Partial<Pick<PatchMetadata, 'selected' | 'ratio'>>;

/**
 * The patch that leads from one model to another.
 *
 * Elements are compared by their bits, so that 0 and −0 differ and equal NaNs do not. A tensor that changes is
 * written sparsely where that takes fewer bytes, whole where not; sparse values are copies, whole tensors share
 * the memory of `tuned`. Unless given, `selected` is the number of the base's elements that change and `ratio`
 * their share.
 *
 * @throws `input/patch` for a tensor that is of another element type in `tuned`.
 */
export function diffTensors(
  base: ReadonlyMap<string, Tensor>,
  tuned: ReadonlyMap<string, Tensor>,
  metadata: DiffMetadata,
): Patch {
  const { changed, ...changes } = changesBetween(base, tuned);
  let size = 0;
  for (const { data } of base.values()) size += data.length;
  const ratio = size === 0 ? 0 : changed / size;
  return { metadata: { selected: changed, ratio, ...metadata }, ...changes };
}

/**
 * What {@link diffTensors} finds, and how many of the base's elements change.
 *
 * @throws `input/patch` for a tensor that is of another element type in `tuned`.
 */
export function changesBetween(
  base: ReadonlyMap<string, Tensor>,
  tuned: ReadonlyMap<string, Tensor>,
): Changes & { readonly changed: number } {
  const tensors = new Map<string, SparseUpdate | DenseTensor>();
  let changed = 0;
  for (const [name, after] of tuned) {
    const before = base.get(name);
    const difference = before === undefined ? wholly(after, 0) : diffTensor(name, before, after);
    if (difference === undefined) continue;
    tensors.set(name, difference.update);
    changed += difference.changed;
  }
  const removed = [...base.keys()].filter((name) => !tuned.has(name));
  return { tensors, removed, changed };
}

interface Difference {
  readonly update: SparseUpdate | DenseTensor;
  /** How many of the base's elements change. */
  readonly changed: number;
}

function diffTensor(name: string, before: Tensor, after: Tensor): Difference | undefined {
  if (before.dtype !== after.dtype) {
    throw new GspfError('input/patch', {
      subject: `tensor ${JSON.stringify(name)}`,
      expected: `the base's type, ${before.dtype}`,
      got: after.dtype,
      hint: 'Convert one of the models: a patch replaces values of one type by values of the same.',
    });
  }
  if (!sameType(before, after)) return wholly(after, before.data.length);
  const changed = countChanges(before, after);
  if (changed === 0) return undefined;
  const elementBytes = bytesPerElement(after.dtype);
  // A gap takes a byte or more: of a tensor that changes all over, the indices would be larger than it is.
  if (changed * (1 + elementBytes) >= after.data.byteLength) return wholly(after, changed);
  const indices = changedIndices(before, after, changed);
  const sparseBytes = gapsSizeBytes(indices) + changed * elementBytes;
  if (sparseBytes >= after.data.byteLength) return wholly(after, changed);
  return { update: { kind: 'sparse', indices, values: gather(after, indices) }, changed };
}

function wholly(tensor: Tensor, changed: number): Difference {
  return { update: { kind: 'dense', tensor }, changed };
}
