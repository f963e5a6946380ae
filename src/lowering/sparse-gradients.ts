import { floatAttribute, intAttribute } from '../graph/attributes.ts';
import { float, int, ints } from '../graph/graph.ts';
import { convFactors, convTransposeFactors } from '../ops/convolution.ts';
import type { GradientContext, OpType, Value } from '../ops/definition.ts';
import { scatterAddAlong } from '../ops/indexing.ts';
import { int64, sizeOf } from '../tensor.ts';
import { distinct, elementsOf, inverse, positions, reshape, upTo } from './elements.ts';
import type { SparseWays } from './sparse-costs.ts';
import { kernelAt } from './sparse-kernels.ts';

/**
 * The gradient of an operator's input at chosen elements only: float `[k]` in the order of `indices`, which are
 * flat, row-major and ascending. Undefined where the operator has no cheaper form for them than the dense one.
 */
export type SparseGradientRule = (
  context: GradientContext,
  indices: Int32Array,
  ways: SparseWays,
) => Value | undefined;

/** Operators whose weight gradients have a sparse form, with the input that holds the weight. */
export const sparseGradientRules: Partial<
  Readonly<Record<OpType, { readonly input: number; readonly rule: SparseGradientRule }>>
> = {
  // Y = α·A·op(B): dB = α·Aᵀ·G, or its transpose α·Gᵀ·A
  Gemm: {
    input: 1,
    rule: (c, indices, ways) => {
      if (intAttribute(c.node, 'transA', 0) !== 0) return undefined;
      const alpha = floatAttribute(c.node, 'alpha', 1);
      const [a, g] = [c.input(0), c.g];
      return intAttribute(c.node, 'transB', 0) === 0
        ? productAt(c, a, g, alpha, indices, ways)
        : productAt(c, g, a, alpha, indices, ways);
    },
  },
  // Y = A·B with one matrix B for the whole stack: dB = Aᵀ·G over all rows of A
  MatMul: {
    input: 1,
    rule: (c, indices, ways) => {
      const [a, b] = [c.input(0), c.input(1)];
      if (a.shape.length < 2 || b.shape.length !== 2) return undefined;
      const [inner = 1, columns = 1] = b.shape;
      const rows = sizeOf(a.shape) / inner;
      return productAt(c, reshape(c, a, [rows, inner]), reshape(c, c.g, [rows, columns]), 1, indices, ways);
    },
  },
  // Y = W[ids]: dW[r] = Σ of G over the places that read row r, for the rows that are wanted only
  Gather: {
    input: 0,
    rule: (c, indices) => {
      if (intAttribute(c.node, 'axis', 0) !== 0) return undefined;
      return rowsAt(c, indices);
    },
  },
  Conv: { input: 1, rule: kernelAt(convFactors) },
  ConvTranspose: { input: 1, rule: kernelAt(convTransposeFactors) },
};

/** Elements of α·Lᵀ·R, for L `[t, rows]` and R `[t, columns]`; undefined where the dense product is the best way. */
function productAt(
  c: GradientContext,
  left: Value,
  right: Value,
  alpha: number,
  indices: Int32Array,
  ways: SparseWays,
): Value | undefined {
  const [inner = 0, rows = 0] = left.shape;
  const columns = right.shape[1] ?? 0;
  const touchedRows = distinct(indices, (index) => Math.floor(index / columns));
  const touchedColumns = distinct(indices, (index) => index % columns);
  const form = ways.form({
    inner,
    rows,
    columns,
    touchedRows: touchedRows.length,
    touchedColumns: touchedColumns.length,
    elements: indices.length,
  });
  if (form === 'dense') return undefined;
  if (form === 'elements') return productByElement(c, left, right, alpha, indices);
  const kept = {
    rows: form === 'columns' ? upTo(rows) : touchedRows,
    columns: form === 'rows' ? upTo(columns) : touchedColumns,
  };
  const l = take(c, left, kept.rows, ways);
  const r = take(c, right, kept.columns, ways);
  const block = c.op('Gemm', [l.value, r.value], {
    ...(l.isTransposed ? {} : { transA: int(1) }),
    ...(r.isTransposed ? { transB: int(1) } : {}),
    ...(alpha === 1 ? {} : { alpha: float(alpha) }),
  });
  const row = inverse(kept.rows, rows);
  const column = inverse(kept.columns, columns);
  const within = indices.map(
    (index) => (row[Math.floor(index / columns)] ?? 0) * kept.columns.length + (column[index % columns] ?? 0),
  );
  return elementsOf(c, block, within);
}

/** (Lᵀ·R)[i, j] = Σₜ L[t, i]·R[t, j], element by element. */
function productByElement(
  c: GradientContext,
  left: Value,
  right: Value,
  alpha: number,
  indices: Int32Array,
): Value {
  const columns = right.shape[1] ?? 0;
  const rowsOf = (matrix: Value, key: (index: number) => number): Value =>
    c.op('Gather', [transpose(c, matrix), positions(c, indices.map(key))]);
  const l = rowsOf(left, (index) => Math.floor(index / columns));
  const r = rowsOf(right, (index) => index % columns);
  const sums = c.op('ReduceSum', [c.op('Mul', [l, r]), c.constant(int64([1], [1]))], { keepdims: int(0) });
  return alpha === 1 ? sums : c.op('Mul', [sums, alpha]);
}

/** Elements of the gradient of an embedding table, by adding up only the rows that are wanted. */
function rowsAt(c: GradientContext, indices: Int32Array): Value {
  const { x } = c;
  const [rows = 0, ...rest] = x.shape;
  const size = sizeOf(rest);
  const touched = distinct(indices, (index) => Math.floor(index / size));
  // Rows that nobody wants are added up in one more row, at the end.
  const slot = new Int32Array(rows).fill(touched.length);
  touched.forEach((row, i) => {
    slot[row] = i;
  });
  const slots = c.constant({ dtype: 'int64', shape: [rows], data: BigInt64Array.from(slot, BigInt) });
  const ids = c.op('Gather', [slots, c.input(1)]);
  const sums = scatterAddAlong(c, c.g, 0, ids, touched.length + 1);
  return elementsOf(
    c,
    sums,
    indices.map((index) => (slot[Math.floor(index / size)] ?? 0) * size + (index % size)),
  );
}

/** The given columns of a matrix, perhaps as rows; the matrix itself where that is all of them. */
function take(
  c: GradientContext,
  matrix: Value,
  columns: Int32Array,
  { transposes }: SparseWays,
): { readonly value: Value; readonly isTransposed: boolean } {
  const [inner = 0, extent = 0] = matrix.shape;
  if (columns.length === extent) return { value: matrix, isTransposed: false };
  const isTransposed = transposes(inner, columns.length, extent);
  const value = isTransposed
    ? c.op('Gather', [transpose(c, matrix), positions(c, columns)])
    : c.op('Gather', [matrix, positions(c, columns)], { axis: int(1) });
  return { value, isTransposed };
}

/** Shared by all that ask for it: Q, K and V read the same rows. */
function transpose(c: GradientContext, matrix: Value): Value {
  return c.op('Transpose', [matrix], { perm: ints([1, 0]) });
}
