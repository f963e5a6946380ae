/**
 * Rows cut into parts of at most `size`, as equal as can be; `null` does not cut.
 *
 * Equal parts leave no single row over: a row alone is rounded otherwise than the same row among others.
 */
export function microBatches(rows: Int32Array, size: number | null): readonly Int32Array[] {
  const parts = size === null ? 1 : Math.ceil(rows.length / size);
  const end = (part: number): number => Math.floor((part * rows.length) / parts);
  return Array.from({ length: parts }, (_, part) => rows.subarray(end(part), end(part + 1)));
}
