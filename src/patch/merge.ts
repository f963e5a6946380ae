import { GspfError } from '../errors.ts';
import { isWeight, narrow, widen } from '../models/half-precision.ts';
import { bytesPerElement, float32, fromBytes, sizeOf, type Tensor } from '../tensor.ts';
import { sameType, wordsOf, wordsPerElement } from './bits.ts';
import type { PatchMetadata } from './metadata.ts';
import type { DenseTensor, Patch, SparseUpdate } from './patch.ts';

/** Whose value an element gets that several patches change to different ones. */
export const preferences = ['error', 'first', 'last', 'mean'] as const;
/** What to do with an element that several patches change: refuse, or take the first, the last or the mean. */
export type Preference = (typeof preferences)[number];

/** What several patches do to one tensor. */
export interface Overlap {
  readonly name: string;
  /** Elements that more than one of them changes. */
  readonly shared: number;
  /** Those of them that they change to values of other bits. */
  readonly conflicting: number;
  /** Whether they cannot be compared by elements: other shapes or types, or removed by one of them. */
  readonly incomparable: boolean;
}

/** A patch made of several, and where they had met. */
export interface MergedPatch {
  readonly patch: Patch;
  /** Tensors that more than one patch changes. */
  readonly overlaps: readonly Overlap[];
}

type Update = SparseUpdate | DenseTensor;

/**
 * One patch that does what several on the same base do together. With `prefer: 'last'` it is what applying them one
 * after another comes to; patches that change no element differently merge in any order to the same.
 *
 * A mean is taken in float64 and rounded to the tensor's type. Elements are compared by their bits.
 *
 * @throws `input/patch-base` for patches of different bases; `input/patch` where they conflict and `prefer` is `error`,
 *   or `mean` and the values have none.
 */
export function mergePatches(
  patches: readonly Patch[],
  { prefer, createdBy }: { readonly prefer: Preference; readonly createdBy: string },
): MergedPatch {
  const [first, ...others] = patches;
  if (first === undefined)
    throw new GspfError('input/patch', { subject: 'merge', expected: 'patches', got: 'none' });
  for (const { metadata } of others) requireSameBase(first.metadata, metadata);
  const tensors = new Map<string, Update>();
  const removed: string[] = [];
  const overlaps: Overlap[] = [];
  for (const name of namesIn(patches)) {
    const fates = patches.flatMap((patch): (Update | 'removed')[] => {
      const update = patch.tensors.get(name);
      return update !== undefined ? [update] : patch.removed.includes(name) ? ['removed'] : [];
    });
    const { fate, overlap } = mergeFates(name, fates, prefer);
    if (overlap !== undefined) overlaps.push(overlap);
    if (fate === 'removed') removed.push(name);
    else tensors.set(name, fate);
  }
  if (prefer === 'error' || prefer === 'mean') refuseConflicts(overlaps, prefer);
  const shared = overlaps.reduce((sum, overlap) => sum + overlap.shared, 0);
  return { patch: { metadata: metadataOf(patches, shared, prefer, createdBy), tensors, removed }, overlaps };
}

/** What some patches on the same base have in common. @throws `input/patch-base` for different bases. */
export function comparePatches(patches: readonly Patch[]): readonly Overlap[] {
  return mergePatches(patches, { prefer: 'first', createdBy: '' }).overlaps;
}

function mergeFates(
  name: string,
  fates: readonly (Update | 'removed')[],
  prefer: Preference,
): { readonly fate: Update | 'removed'; readonly overlap?: Overlap } {
  const chosen = prefer === 'last' ? fates.at(-1) : fates[0];
  if (chosen === undefined) throw new RangeError(`no patch changes ${name}`);
  if (fates.length === 1) return { fate: chosen };
  const updates = fates.filter((fate) => fate !== 'removed');
  if (updates.length === 0) return { fate: chosen };
  if (updates.length < fates.length || !areComparable(updates)) {
    return { fate: chosen, overlap: { name, shared: 0, conflicting: 0, incomparable: true } };
  }
  const { update, shared, conflicting } = mergeElements(updates, prefer);
  return { fate: update, overlap: { name, shared, conflicting, incomparable: false } };
}

/** Whether updates are of one tensor: one type, one shape where whole, and no index beyond it. */
function areComparable(updates: readonly Update[]): boolean {
  const [dense, ...others] = updates.flatMap((update) => (update.kind === 'dense' ? [update.tensor] : []));
  const [first] = updates.map(valuesOf);
  if (first === undefined || !updates.every((update) => valuesOf(update).dtype === first.dtype)) return false;
  if (dense === undefined) return true;
  const size = sizeOf(dense.shape);
  return (
    others.every((other) => sameType(dense, other)) &&
    updates.every((update) => update.kind === 'dense' || (update.indices.at(-1) ?? 0) < size)
  );
}

function valuesOf(update: Update): Tensor {
  return update.kind === 'dense' ? update.tensor : update.values;
}

/** The elements of all updates, each once: a walk over their ascending indices at the same time. */
function mergeElements(
  updates: readonly Update[],
  prefer: Preference,
): { readonly update: Update; readonly shared: number; readonly conflicting: number } {
  const sources = updates.map((update) => new Source(update));
  const indices: number[] = [];
  const words: number[] = [];
  let shared = 0;
  let conflicting = 0;
  while (true) {
    const index = Math.min(...sources.map((source) => source.index));
    if (index === Number.POSITIVE_INFINITY) break;
    const here = sources.filter((source) => source.index === index);
    const [first] = here;
    const agree = first !== undefined && here.every((source) => source.agreesWith(first));
    if (here.length > 1) shared++;
    if (!agree) conflicting++;
    const source = prefer === 'last' ? here.at(-1) : first;
    indices.push(index);
    if (source !== undefined) words.push(...(agree || prefer !== 'mean' ? source.words() : meanOf(here)));
    for (const source of here) source.advance();
  }
  const [like] = updates.map(valuesOf);
  const dense = updates.find((update) => update.kind === 'dense');
  const dtype = like?.dtype ?? 'float32';
  const width = bytesPerElement(dtype);
  const stored =
    width === 1 ? Uint8Array.from(words) : width === 2 ? Uint16Array.from(words) : Uint32Array.from(words);
  const bytes = new Uint8Array(stored.buffer);
  const update: Update =
    dense === undefined
      ? {
          kind: 'sparse',
          indices: Float64Array.from(indices),
          values: fromBytes(dtype, [indices.length], bytes),
        }
      : { kind: 'dense', tensor: fromBytes(dtype, dense.tensor.shape, bytes) };
  return { update, shared, conflicting };
}

/** An update, read element by element. */
class Source {
  readonly #values: Tensor;
  readonly #indices: Float64Array | undefined;
  readonly #words: ReturnType<typeof wordsOf>;
  readonly #width: number;
  #at = 0;

  constructor(update: Update) {
    this.#values = valuesOf(update);
    this.#indices = update.kind === 'sparse' ? update.indices : undefined;
    this.#words = wordsOf(this.#values);
    this.#width = wordsPerElement(this.#values);
  }

  /** The flat index of the element at hand; infinite after the last. */
  get index(): number {
    if (this.#at >= this.#values.data.length) return Number.POSITIVE_INFINITY;
    return this.#indices === undefined ? this.#at : (this.#indices[this.#at] ?? Number.POSITIVE_INFINITY);
  }

  advance(): void {
    this.#at++;
  }

  /** The bits of the element at hand. */
  words(): number[] {
    return Array.from(this.#words.subarray(this.#at * this.#width, (this.#at + 1) * this.#width));
  }

  agreesWith(other: Source): boolean {
    const theirs = other.words();
    return this.words().every((word, i) => word === theirs[i]);
  }

  /** The element at hand as a number; undefined for types that are no weights. */
  number(): number | undefined {
    const { dtype } = this.#values;
    const bytes = new Uint8Array(Uint32Array.from(this.words()).buffer);
    const one: Tensor = fromBytes(dtype, [1], bytes.slice(0, bytesPerElement(dtype)));
    return isWeight(one) ? widen(one).data[0] : undefined;
  }

  get dtype(): Tensor['dtype'] {
    return this.#values.dtype;
  }
}

/** The bits of the mean of the elements at hand; those of a NaN for types that have none. */
function meanOf(sources: readonly Source[]): number[] {
  const numbers = sources.map((source) => source.number());
  const dtype = sources[0]?.dtype ?? 'float32';
  if (dtype !== 'float32' && dtype !== 'float16' && dtype !== 'bfloat16') {
    throw new GspfError('input/patch', {
      subject: `values of type ${dtype}`,
      expected: 'floats, to take the mean of',
      got: dtype,
      hint: 'Use --prefer first or last.',
    });
  }
  const mean = numbers.reduce<number>((sum, number) => sum + (number ?? Number.NaN), 0) / numbers.length;
  return Array.from(wordsOf(narrow(float32([1], [mean]), dtype)));
}

function namesIn(patches: readonly Patch[]): ReadonlySet<string> {
  return new Set(patches.flatMap(({ tensors, removed }) => [...tensors.keys(), ...removed]));
}

function requireSameBase(first: PatchMetadata, other: PatchMetadata): void {
  if (first.baseSha256 === other.baseSha256) return;
  throw new GspfError('input/patch-base', {
    subject: 'patches to be merged',
    expected: `one base, "${first.baseName}" with sha256 ${first.baseSha256}`,
    got: `"${other.baseName}" with sha256 ${other.baseSha256}`,
    hint: 'Only patches of the same base go together.',
  });
}

/** @throws `input/patch` naming the tensors that stand against a merge. */
function refuseConflicts(overlaps: readonly Overlap[], prefer: 'error' | 'mean'): void {
  const bad = overlaps.filter(
    ({ conflicting, incomparable }) => incomparable || (prefer === 'error' && conflicting > 0),
  );
  if (bad.length === 0) return;
  const list = bad
    .slice(0, 5)
    .map(({ name, conflicting, incomparable }) => `${name} (${incomparable ? 'whole' : conflicting})`)
    .join(', ');
  throw new GspfError('input/patch', {
    subject: 'patches to be merged',
    expected:
      prefer === 'error' ? 'no element that they change differently' : 'tensors of one shape and type',
    got: `conflicts in ${bad.length === 1 ? '1 tensor' : `${bad.length} tensors`}: ${list}${bad.length > 5 ? ', …' : ''}`,
    hint: `Choose with --prefer first or --prefer last${prefer === 'error' ? ', or take the --prefer mean' : ''}.`,
  });
}

/** What the patches say of themselves, where they agree or one is preferred. */
function metadataOf(
  patches: readonly Patch[],
  shared: number,
  prefer: Preference,
  createdBy: string,
): PatchMetadata {
  const all = patches.map(({ metadata }) => metadata);
  const [first] = all;
  if (first === undefined) throw new RangeError('no patches');
  const leading = (prefer === 'last' ? all.at(-1) : first) ?? first;
  const weights = all
    .map(({ selected, ratio }) => (ratio > 0 ? selected / ratio : 0))
    .reduce((a, b) => Math.max(a, b));
  const selected = Math.max(0, all.reduce((sum, metadata) => sum + metadata.selected, 0) - shared);
  const labelled = [leading, ...all].find(({ id2label }) => id2label.length > 0) ?? leading;
  return {
    ...leading,
    method: 'merge',
    task: [...new Set(all.map(({ task }) => task).filter((task) => task !== ''))].join('+'),
    id2label: labelled.id2label,
    selected,
    ratio: weights === 0 ? 0 : Math.min(1, selected / weights),
    createdBy,
    extra: labelled.extra,
  };
}
