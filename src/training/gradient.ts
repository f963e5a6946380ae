/** Loss with respect to one tensor that is trained whole, or to its selected elements. */
export interface Gradient {
  /** All its elements, row-major, or one value for each selected index; of a table those of `rows` only. */
  readonly values: Float32Array;
  /** The rows of a table that a batch read, ascending: the gradient of the others is zero. */
  readonly rows?: Int32Array | undefined;
}

/** A stretch of a tensor's elements, from `start` on, and their gradient. */
export interface Stretch {
  readonly start: number;
  readonly values: Float32Array;
}

/** The stretches of a tensor outside of which its gradient is zero. */
export function stretchesOf({ values, rows }: Gradient): readonly Stretch[] {
  if (rows === undefined) return [{ start: 0, values }];
  const width = values.length / Math.max(rows.length, 1);
  return Array.from(rows, (row, i) => ({
    start: row * width,
    values: values.subarray(i * width, (i + 1) * width),
  }));
}

/** A whole tensor's gradient as an array of its `size` elements: itself where it has all of them. */
export function denseGradient(gradient: Gradient, size: number): Float32Array {
  if (gradient.rows === undefined) return gradient.values;
  const dense = new Float32Array(size);
  for (const { start, values } of stretchesOf(gradient)) dense.set(values, start);
  return dense;
}

/**
 * The gradient of a table from that of what was looked up in it.
 *
 * @param numbers The row that each place read.
 * @param slices `[places, width]`: of the same number, they are added in the order of places.
 */
export function sumByRow(numbers: readonly number[], slices: Float32Array): Required<Gradient> {
  const width = slices.length / Math.max(numbers.length, 1);
  const rows = Int32Array.from(new Set(numbers)).sort();
  const position = new Map(Array.from(rows, (row, i) => [row, i]));
  const values = new Float32Array(rows.length * width);
  numbers.forEach((row, place) => {
    const to = (position.get(row) ?? 0) * width;
    const from = place * width;
    for (let i = 0; i < width; i++) values[to + i] = (values[to + i] ?? 0) + (slices[from + i] ?? 0);
  });
  return { values, rows };
}
