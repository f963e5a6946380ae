/**
 * Nanoseconds that a machine takes for the steps that sparse gradients are made of: a floating-point operation of a
 * matrix product; a number gathered out of rows, one written by a transposition, one gathered as part of a whole row,
 * one multiplied, one added up; a node by itself.
 */
export interface SparseCosts {
  readonly operation: number;
  readonly pick: number;
  readonly transpose: number;
  readonly copy: number;
  readonly multiply: number;
  readonly reduce: number;
  readonly node: number;
}

/**
 * `pick` was measured on two cores of an AMD EPYC with AVX2 (1 to 3 ns by GatherElements, see `withPickedNumbers`); the
 * others are estimates for such a machine.
 */
export const typicalCosts: SparseCosts = {
  operation: 0.0065,
  pick: 2,
  transpose: 0.7,
  copy: 0.35,
  multiply: 0.3,
  reduce: 0.3,
  node: 3000,
};

/** Ways to the elements of Lᵀ·R, for L `[t, rows]` and R `[t, columns]`. */
export const productForms = ['dense', 'block', 'rows', 'columns', 'elements'] as const;

/**
 * - `dense`: the whole product;
 * - `block`: the product of the touched columns of L and of R;
 * - `rows`, `columns`: the touched columns of L alone, or of R;
 * - `elements`: of Lᵀ and Rᵀ a row for each element, multiplied and added up.
 *
 * All but the last end with the elements taken out of a product.
 */
export type ProductForm = (typeof productForms)[number];

/** What the elements of a product are. */
export interface ProductShape {
  /** t, which is summed over. */
  readonly inner: number;
  readonly rows: number;
  readonly columns: number;
  readonly touchedRows: number;
  readonly touchedColumns: number;
  readonly elements: number;
}

/** How the gradients of selected elements are computed. */
export interface SparseWays {
  readonly form: (shape: ProductShape) => ProductForm;
  /** Whether some of a matrix's columns are taken as rows of its transpose. */
  readonly transposes: (inner: number, touched: number, columns: number) => boolean;
  /** Whether so many floating-point operations are worth the numbers that are gathered, by whole rows, to save them. */
  readonly gathers: (numbers: number, operations: number) => boolean;
}

/** The cheapest ways by a table of costs; of equals the first. */
export function waysByCost(costs: SparseCosts): SparseWays {
  return {
    form: (shape) => {
      const cost = (form: ProductForm): number => productCost(form, shape, costs);
      return productForms.reduce((best, form) => (cost(form) < cost(best) ? form : best));
    },
    transposes: (inner, touched, columns) =>
      transposedCost(inner, touched, columns, costs) < costs.pick * inner * touched,
    gathers: (numbers, operations) => costs.copy * numbers + costs.node < costs.operation * operations,
  };
}

function transposedCost(inner: number, touched: number, columns: number, costs: SparseCosts): number {
  return costs.transpose * inner * columns + costs.copy * inner * touched + costs.node;
}

/** Nanoseconds that a form takes. */
export function productCost(form: ProductForm, shape: ProductShape, costs: SparseCosts): number {
  const { inner, rows, columns, touchedRows, touchedColumns, elements } = shape;
  const product = (down: number, across: number): number =>
    2 * costs.operation * inner * down * across + costs.pick * elements + 2 * costs.node;
  const take = (touched: number, of: number): number =>
    touched === of
      ? 0
      : Math.min(costs.pick * inner * touched, transposedCost(inner, touched, of, costs)) + costs.node;
  switch (form) {
    case 'dense':
      return product(rows, columns);
    case 'block':
      return take(touchedRows, rows) + take(touchedColumns, columns) + product(touchedRows, touchedColumns);
    case 'rows':
      return take(touchedRows, rows) + product(touchedRows, columns);
    case 'columns':
      return take(touchedColumns, columns) + product(rows, touchedColumns);
    case 'elements':
      return (
        costs.transpose * inner * (rows + columns) +
        (2 * costs.copy + costs.multiply + costs.reduce) * inner * elements +
        6 * costs.node
      );
  }
}
