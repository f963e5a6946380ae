import { GspfError } from '../errors.ts';

/** A gap has at most 8 bytes of 7 bits; this is the weight of the last one's lowest bit. */
const LAST_SCALE = 2 ** 49;

/**
 * Ascending flat indices as unsigned LEB128 numbers: the first index itself, then each one's difference to the
 * one before.
 *
 * @throws `input/patch` as {@link checkAscending} does.
 */
export function encodeGaps(indices: ArrayLike<number>, subject: string): Uint8Array {
  checkAscending(indices, subject);
  const bytes = new Uint8Array(gapsSizeBytes(indices));
  let offset = 0;
  let previous = 0;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    let gap = index - previous;
    // Division, as shifts would cut a gap to 32 bits.
    for (; gap > 0x7f; gap = Math.floor(gap / 0x80)) bytes[offset++] = (gap % 0x80) | 0x80;
    bytes[offset++] = gap;
    previous = index;
  }
  return bytes;
}

/** How many bytes {@link encodeGaps} writes for ascending indices. */
export function gapsSizeBytes(indices: ArrayLike<number>): number {
  let size = 0;
  let previous = 0;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? 0;
    for (let gap = index - previous; gap > 0x7f; gap = Math.floor(gap / 0x80)) size++;
    size++;
    previous = index;
  }
  return size;
}

/**
 * Refuses what is no list of flat indices of a patch; `subject` names it.
 *
 * @throws `input/patch` for indices that are no integers from 0 to 2^53 − 1 or do not ascend.
 */
export function checkAscending(indices: ArrayLike<number>, subject: string): void {
  let previous = -1;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i] ?? Number.NaN;
    if (!Number.isSafeInteger(index)) fail(subject, 'indices that are integers below 2^53', `${index}`);
    if (index <= previous) fail(subject, 'ascending indices from 0 on', `${index} after ${previous}`);
    previous = index;
  }
}

/**
 * The flat indices whose gaps {@link encodeGaps} wrote, in ascending order.
 *
 * @throws `input/patch` for a gap that is cut short or longer than it need be, for a gap of 0 after the first,
 * and for an index beyond 2^53 − 1.
 */
export function decodeGaps(bytes: Uint8Array, subject: string): Float64Array {
  let count = 0;
  for (const byte of bytes) if (byte < 0x80) count++;
  const indices = new Float64Array(count);
  let found = 0;
  let index = 0;
  let gap = 0;
  let scale = 1;
  for (const byte of bytes) {
    gap += (byte & 0x7f) * scale;
    if (byte >= 0x80) {
      if (scale === LAST_SCALE) fail(subject, 'gaps of at most 8 bytes', 'a longer one');
      scale *= 0x80;
      continue;
    }
    if (byte === 0 && scale > 1) fail(subject, 'gaps in their shortest form', 'one that ends in a zero byte');
    if (gap === 0 && found > 0) fail(subject, 'ascending indices', `${index} twice`);
    index += gap;
    if (index > Number.MAX_SAFE_INTEGER) fail(subject, 'indices below 2^53', 'a larger one');
    indices[found++] = index;
    gap = 0;
    scale = 1;
  }
  if (scale > 1) fail(subject, 'whole gaps', 'a last one that is cut short');
  return indices;
}

function fail(subject: string, expected: string, got: string): never {
  throw new GspfError('input/patch', { subject, expected, got });
}
