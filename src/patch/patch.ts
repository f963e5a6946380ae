import { GspfError } from '../errors.ts';
import { decodeSafetensors } from '../safetensors/decode.ts';
import { encodeSafetensors } from '../safetensors/encode.ts';
import { compareNames } from '../safetensors/names.ts';
import { formatType, fromBytes, type Tensor } from '../tensor.ts';
import { checkAscending, decodeGaps, encodeGaps } from './leb128.ts';
import { decodeMetadata, encodeMetadata, type PatchMetadata } from './metadata.ts';

/** New values for some elements of a tensor. */
export interface SparseUpdate {
  readonly kind: 'sparse';
  /** Ascending flat indices into the row-major tensor. */
  readonly indices: Float64Array;
  /** The values that replace those elements: `[indices.length]`, in the tensor's own type. */
  readonly values: Tensor;
}

/** A whole tensor: a new one, or one that replaces the base's. */
export interface DenseTensor {
  readonly kind: 'dense';
  readonly tensor: Tensor;
}

/** What changes between two sets of tensors. */
export interface Changes {
  readonly tensors: ReadonlyMap<string, SparseUpdate | DenseTensor>;
  /** Names of the base's tensors that are taken away. */
  readonly removed: readonly string[];
}

/** The difference between a base and a tuned model: changes, and which base they are for. */
export interface Patch extends Changes {
  readonly metadata: PatchMetadata;
}

const INDICES = '.indices';
const VALUES = '.values';
/** Follows the name of a dense tensor that itself ends in one of the three. */
const DENSE = '.dense';

/**
 * The bytes of a patch's file (docs/patch-format.md); equal patches give equal bytes.
 *
 * @throws `input/patch` for indices that do not ascend, values that do not match them, metadata that the file
 * cannot hold; `input/safetensors` for names that it cannot.
 */
export function encodePatch(patch: Patch): Uint8Array {
  checkRemoved(patch, 'patch');
  const stored: [string, Tensor][] = [];
  for (const [name, update] of patch.tensors) {
    if (update.kind === 'dense') {
      stored.push([denseKey(name), update.tensor]);
      continue;
    }
    const { indices, values } = update;
    const subject = `tensor ${JSON.stringify(name)}`;
    checkValues(values, indices.length, subject);
    const gaps = encodeGaps(indices, subject);
    stored.push([name + INDICES, fromBytes('uint8', [gaps.length], gaps)], [name + VALUES, values]);
  }
  return encodeSafetensors(stored, encodeMetadata(patch.metadata, patch.removed));
}

/**
 * Reads a patch's file, which `source` names; values and dense tensors are views of `bytes`.
 *
 * Whether the indices fit the base's tensors only `applyPatch` can tell.
 *
 * @throws `input/safetensors` for a file that is not safetensors, `input/patch` for one that is not a patch of
 * this version, or whose indices and values are malformed or do not match.
 */
export function decodePatch(bytes: Uint8Array, source: string): Patch {
  const file = decodeSafetensors(bytes, source);
  const { metadata, removed } = decodeMetadata(file.metadata, source);
  const names = [...new Set([...file.tensors.keys()].map((key) => nameOf(key, source)))].sort(compareNames);
  const tensors = new Map(names.map((name) => [name, readUpdate(name, file.tensors, source)]));
  const patch = { metadata, tensors, removed };
  checkRemoved(patch, source);
  return patch;
}

function readUpdate(
  name: string,
  stored: ReadonlyMap<string, Tensor>,
  source: string,
): SparseUpdate | DenseTensor {
  const subject = `${source}: tensor ${JSON.stringify(name)}`;
  const dense = stored.get(denseKey(name));
  const gaps = stored.get(name + INDICES);
  const values = stored.get(name + VALUES);
  if (dense !== undefined) {
    if (gaps === undefined && values === undefined) return { kind: 'dense', tensor: dense };
    return fail(subject, 'either a whole tensor or indices and values', 'both');
  }
  if (gaps === undefined) return fail(subject, `"${name}${INDICES}" beside "${name}${VALUES}"`, 'none');
  if (values === undefined) return fail(subject, `"${name}${VALUES}" beside "${name}${INDICES}"`, 'none');
  if (gaps.dtype !== 'uint8' || gaps.shape.length !== 1) {
    return fail(subject, 'indices as uint8[bytes]', formatType(gaps));
  }
  const indices = decodeGaps(gaps.data, subject);
  checkValues(values, indices.length, subject);
  return { kind: 'sparse', indices, values };
}

/**
 * Refuses an update whose indices do not ascend or do not match its values; `subject` names it.
 *
 * @throws `input/patch`
 */
export function checkUpdate({ indices, values }: SparseUpdate, subject: string): void {
  checkAscending(indices, subject);
  checkValues(values, indices.length, subject);
}

function denseKey(name: string): string {
  return hasOwnSuffix(name) ? name + DENSE : name;
}

/** The tensor that a key of the file belongs to: only the last suffix counts. */
function nameOf(key: string, source: string): string {
  if (!hasOwnSuffix(key)) return key;
  const name = key.slice(0, key.lastIndexOf('.'));
  if (key.endsWith(DENSE) && !hasOwnSuffix(name)) {
    return fail(
      `${source}: tensor ${JSON.stringify(key)}`,
      `"${name}", which needs no ${DENSE}`,
      'it with one',
    );
  }
  return name;
}

function hasOwnSuffix(name: string): boolean {
  return name.endsWith(INDICES) || name.endsWith(VALUES) || name.endsWith(DENSE);
}

function checkValues(values: Tensor, count: number, subject: string): void {
  if (values.shape.length === 1 && values.data.length === count) return;
  fail(subject, `as many values as indices, ${count}`, formatType(values));
}

function checkRemoved({ tensors, removed }: Changes, source: string): void {
  const kept = removed.find((name) => tensors.has(name));
  if (kept !== undefined) {
    fail(`${source}: tensor ${JSON.stringify(kept)}`, 'either to be removed or to be changed', 'both');
  }
}

function fail(subject: string, expected: string, got: string): never {
  throw new GspfError('input/patch', { subject, expected, got });
}
