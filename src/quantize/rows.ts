import { float32, type Tensor } from '../tensor.ts';

/** A matrix in 8 bits, each row with a scale of its own: element (i, j) is about `values[i, j] · scales[i]`. */
export interface QuantizedRows {
  /** `[rows, columns]` */
  readonly values: Tensor<'int8'>;
  /** `[rows, 1]` */
  readonly scales: Tensor<'float32'>;
}

/**
 * The largest magnitude. Processors without VNNI add two products in 16 bits, and 2 · 255 · 64 is the most that fits:
 * with ±127 they would saturate, and the same file would give other logits on other machines.
 */
export const LARGEST = 64;

/**
 * The same by columns: values `[rows, columns]`, scales `[columns]`.
 *
 * @param except Rows that are left out: they have no part in the scales, and their values are 0.
 */
export function quantizeColumns(
  { shape, data }: Tensor<'float32'>,
  except: Iterable<number> = [],
): { readonly values: Tensor<'int8'>; readonly scales: Tensor<'float32'> } {
  const [rows = 0, columns = 0] = shape;
  const out = new Set(except);
  const values = new Int8Array(data.length);
  const scales = new Float32Array(columns);
  const ofEach = (work: (index: number, column: number) => void): void => {
    for (let row = 0; row < rows; row++) {
      if (out.has(row)) continue;
      for (let column = 0; column < columns; column++) work(row * columns + column, column);
    }
  };
  ofEach((i, column) => {
    scales[column] = Math.max(scales[column] ?? 0, Math.abs(data[i] ?? 0));
  });
  scales.forEach((largest, column) => {
    scales[column] = largest / LARGEST;
  });
  ofEach((i, column) => {
    const scale = scales[column] ?? 0;
    if (scale !== 0) values[i] = rounded(data[i] ?? 0, scale);
  });
  return { values: { dtype: 'int8', shape, data: values }, scales: float32([columns], scales) };
}

/** The multiple of a scale that is nearest. */
function rounded(value: number, scale: number): number {
  return Math.max(-LARGEST, Math.min(LARGEST, Math.round(value / scale)));
}

/** A float32 matrix `[rows, columns]` rounded to the nearest multiples of its rows' scales, max |row| / 64. */
export function quantizeRows({ shape, data }: Tensor<'float32'>): QuantizedRows {
  const [rows = 0, columns = 0] = shape;
  const values = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let i = start; i < start + columns; i++) largest = Math.max(largest, Math.abs(data[i] ?? 0));
    const scale = Math.fround(largest / LARGEST);
    // Of a row of zeros, and of one that is too small to be scaled, every value is 0.
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = start; i < start + columns; i++) {
      values[i] = rounded(data[i] ?? 0, scale);
    }
  }
  return { values: { dtype: 'int8', shape, data: values }, scales: float32([rows, 1], scales) };
}
