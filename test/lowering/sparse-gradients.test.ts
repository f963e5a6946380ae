import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float, int } from '../../src/graph/graph.ts';
import {
  type ProductForm,
  productCost,
  productForms,
  typicalCosts,
  waysByCost,
} from '../../src/lowering/sparse-costs.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import type { Shape } from '../../src/tensor.ts';

/** Y = α·X·W, or α·X·Wᵀ, or a stack of X·W; the loss is Σ Y². */
type Kind = 'Gemm' | 'Gemm of a transpose' | 'MatMul';

function gradientOf(
  kind: Kind,
  [inner, rows, columns]: readonly [number, number, number],
  elements: Int32Array,
  form?: ProductForm,
  transposed = false,
): number[] {
  const builder = new GraphBuilder();
  const input = (name: string, shape: Shape): string => builder.input({ name, dtype: 'float32', shape });
  const left = kind === 'Gemm of a transpose' ? columns : rows;
  const x = input('x', kind === 'MatMul' ? [2, inner, left] : [inner, left]);
  const w = input('w', [rows, columns]);
  const y =
    kind === 'MatMul'
      ? builder.op('MatMul', [x, w])
      : builder.op('Gemm', [x, w], { alpha: float(0.5), transB: int(kind === 'Gemm' ? 0 : 1) });
  builder.op('ReduceSum', [builder.op('Mul', [y, y])], { keepdims: int(0) }, 'loss');
  const graph = specialize(builder.build('product', [{ name: 'loss', dtype: 'float32', shape: [] }]), {
    dims: {},
    variables: new Set(),
  });
  const sparse =
    form === undefined
      ? {}
      : {
          elements: new Map([['w', elements]]),
          ways: { form: () => form, transposes: () => transposed, gathers: () => false },
        };
  const training = differentiate(graph, { loss: 'loss', wrt: ['w'], ...sparse });
  const feeds = new Map(
    graph.inputs.map(({ name, shape }, seed) => {
      const size = shape.map(Number).reduce((a, b) => a * b, 1);
      const data = Float64Array.from({ length: size }, (_, i) => Math.sin(1 + seed + i * 1.7));
      return [name, { dtype: 'float32' as const, shape: shape.map(Number), data }];
    }),
  );
  const gradient = evaluateGraph(training, feeds).get(gradientName('w'))?.data ?? [];
  const values = Array.from(gradient, Number);
  return form === undefined ? Array.from(elements, (index) => values[index]!) : values;
}

const extent = fc.integer({ min: 1, max: 6 });
const masked = fc.tuple(extent, extent, extent).chain(([inner, rows, columns]) =>
  fc.record({
    sizes: fc.constant([inner, rows, columns] as const),
    elements: fc
      .uniqueArray(fc.nat(rows * columns - 1), { minLength: 1 })
      .map((indices) => Int32Array.from(indices).sort()),
  }),
);

describe.each(['Gemm', 'Gemm of a transpose', 'MatMul'] as const)('%s', (kind) => {
  test.each(productForms)('%s: the elements of the dense gradient, over random shapes and masks', (form) => {
    fc.assert(
      fc.property(masked, fc.boolean(), ({ sizes, elements }, transposed) => {
        const sparse = gradientOf(kind, sizes, elements, form, transposed);
        const dense = gradientOf(kind, sizes, elements);
        expect(sparse).toHaveLength(dense.length);
        const scale = Math.max(...dense.map(Math.abs));
        sparse.forEach((value, i) => {
          expect(Math.abs(value - dense[i]!)).toBeLessThanOrEqual(1e-12 * (1 + scale));
        });
      }),
      { numRuns: 40 },
    );
  });
});

const { form: cheapest, transposes } = waysByCost(typicalCosts);

test('a real mask is worth a block of picked columns, a whole matrix is worth no gather', () => {
  const shape = { inner: 1024, rows: 768, columns: 3072 };
  const few = { ...shape, touchedRows: 192, touchedColumns: 430, elements: 4000 };
  const all = { ...shape, touchedRows: 768, touchedColumns: 3072, elements: 768 * 3072 };
  expect(cheapest(few)).toBe('block');
  expect(cheapest(all)).toBe('dense');
  expect(transposes(1024, 2000, 3072)).toBe(true);
  expect(transposes(1024, 430, 3072)).toBe(false);
});

test('the cheapest form is the cheapest', () => {
  const touched = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(touched, touched, touched, (touchedRows, touchedColumns, inner) => {
      const elements = Math.max(touchedRows, touchedColumns);
      const shape = { inner, rows: 50, columns: 50, touchedRows, touchedColumns, elements };
      const costs = productForms.map((form) => productCost(form, shape, typicalCosts));
      expect(productCost(cheapest(shape), shape, typicalCosts)).toBe(Math.min(...costs));
    }),
  );
});
