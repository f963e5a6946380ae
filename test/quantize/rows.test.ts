import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quantizeColumns, quantizeRows } from '../../src/quantize/rows.ts';
import { float32 } from '../../src/tensor.ts';

const matrix = fc
  .record({ rows: fc.integer({ min: 1, max: 5 }), columns: fc.integer({ min: 1, max: 7 }) })
  .chain(({ rows, columns }) =>
    fc
      .array(fc.float({ min: -1e6, max: 1e6, noNaN: true }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values) => float32([rows, columns], values)),
  );

test('every element is within half a step, the largest of each row is met, and nothing exceeds 64', () => {
  fc.assert(
    fc.property(matrix, (tensor) => {
      const { values, scales } = quantizeRows(tensor);
      const [rows = 0, columns = 0] = tensor.shape;
      expect([...values.shape]).toEqual([rows, columns]);
      expect([...scales.shape]).toEqual([rows, 1]);
      for (let row = 0; row < rows; row++) {
        const own = tensor.data.subarray(row * columns, (row + 1) * columns);
        const scale = scales.data[row]!;
        const largest = Math.max(...own.map(Math.abs));
        expect(scale).toBeCloseTo(largest / 64, 6);
        for (const [column, value] of own.entries()) {
          const quantized = values.data[row * columns + column]!;
          expect(Math.abs(quantized)).toBeLessThanOrEqual(64);
          // Below the smallest float32 that is no subnormal a scale has few digits.
          if (largest > 1e-30)
            expect(Math.abs(value - quantized * scale)).toBeLessThanOrEqual(scale * 0.5001);
        }
      }
    }),
  );
});

test('a row of zeros stays one', () => {
  const { values, scales } = quantizeRows(float32([2, 2], [0, -0, 1, -2]));
  expect([...values.data]).toEqual([0, 0, 32, -64]);
  expect([...scales.data]).toEqual([0, 1 / 32]);
});

test('columns are rounded as rows of the transposed matrix, and rows that are left out are zeros', () => {
  fc.assert(
    fc.property(matrix, fc.integer({ min: 0, max: 5 }), ({ shape, data }, left) => {
      const [rows = 0, columns = 0] = shape;
      const at = (i: number): number => (i % rows) * columns + Math.floor(i / rows);
      const rest = data.map((value, i) => (Math.floor(i / columns) === left ? 0 : value));
      const turned = rest.map((_, i) => rest[at(i)]!);
      const expected = quantizeRows(float32([columns, rows], turned));
      const { values, scales } = quantizeColumns(float32(shape, data), [left]);
      expect(scales).toEqual(float32([columns], expected.scales.data));
      expect(values.shape).toEqual(shape);
      expect(values.data.map((_, i) => values.data[at(i)]!)).toEqual(expected.values.data);
    }),
  );
});
