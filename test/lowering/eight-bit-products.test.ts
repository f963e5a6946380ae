import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { type Attributes, float, int, type StaticGraph } from '../../src/graph/graph.ts';
import { EightBitProducts } from '../../src/lowering/eight-bit-products.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { EightBitWeights } from '../../src/quantize/eight-bit-weights.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../../src/tensor.ts';

const { backend } = nodeEnvironment({ threads: 1 });

/** y = α·x·W + β·b, the weight `[out, in]` where it is transposed. */
interface Product {
  readonly x: Tensor<'float32'>;
  readonly weight: Tensor<'float32'>;
  readonly bias: Tensor<'float32'> | undefined;
  readonly isGemm: boolean;
  readonly isTransposed: boolean;
  readonly alpha: number;
  readonly beta: number;
}

const tensorOf = (shape: Shape): fc.Arbitrary<Tensor<'float32'>> =>
  fc
    .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    // A scale that is no normal number has few digits.
    .map((values) =>
      float32(
        shape,
        values.map((value) => (Math.abs(value) < 1e-6 ? 0 : value)),
      ),
    );

const anyProduct: fc.Arbitrary<Product> = fc
  .record({
    rows: fc.integer({ min: 1, max: 5 }),
    width: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 7 }),
    isGemm: fc.boolean(),
    isTransposed: fc.boolean(),
    hasBias: fc.boolean(),
    alpha: fc.constantFrom(1, 0.125, -2),
    beta: fc.constantFrom(1, 0.5),
  })
  .chain(({ rows, width, columns, isGemm, hasBias, ...rest }) => {
    const isTransposed = isGemm && rest.isTransposed;
    return fc.record({
      x: tensorOf(isGemm ? [rows, width] : [2, rows, width]),
      weight: tensorOf(isTransposed ? [columns, width] : [width, columns]),
      bias: isGemm && hasBias ? tensorOf([columns]) : fc.constant(undefined),
      isGemm: fc.constant(isGemm),
      isTransposed: fc.constant(isTransposed),
      alpha: fc.constant(isGemm ? rest.alpha : 1),
      beta: fc.constant(isGemm ? rest.beta : 1),
    });
  });

function graphOf({ x, weight, bias, isGemm, isTransposed, alpha, beta }: Product): StaticGraph {
  const builder = new GraphBuilder();
  const inputs = Object.entries({ x, weight, ...(bias && { bias }) });
  const names = inputs.map(([name, { shape }]) => builder.input({ name, dtype: 'float32', shape }));
  const attributes: Attributes = isGemm
    ? { alpha: float(alpha), beta: float(beta), transB: int(isTransposed ? 1 : 0) }
    : {};
  const y = builder.op(isGemm ? 'Gemm' : 'MatMul', names, attributes, 'y');
  const shape = [...x.shape.slice(0, -1), weight.shape[isTransposed ? 0 : 1]!];
  return specialize(builder.build('product', [{ name: y, dtype: 'float32', shape }]), {
    dims: {},
    variables: new Set(),
  });
}

async function run(graph: StaticGraph, feeds: ReadonlyMap<string, Tensor>): Promise<Float32Array> {
  const executable = await backend.compile(graph);
  const [output] = graph.outputs;
  const shape = output!.shape.map(Number);
  const y = float32(shape, new Float32Array(sizeOf(shape)));
  await executable.run(feeds, new Map([[output!.name, y]]));
  await executable.release();
  return y.data;
}

async function inEightBits(product: Product): Promise<Float32Array> {
  const { x, weight, bias } = product;
  const products = new EightBitProducts(new EightBitWeights(new Map([['weight', weight]])), []);
  const graph = products.rewrite(graphOf(product));
  expect(graph.nodes.map(({ opType }) => opType)).toContain('MatMulInteger');
  expect(graph.inputs.map(({ name }) => name)).not.toContain('weight');
  return run(graph, new Map([...Object.entries({ x, ...(bias && { bias }) }), ...products.feeds]));
}

/** Half to even, as ONNX rounds. */
function round(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * The rule, by loops in float64: rows of x in steps of max|x|/127, outputs of W in steps of max|W|/64. And how far that
 * may be from the product itself: half a step of each factor times the magnitude of the other.
 */
function byRule({ x, weight, bias, isTransposed, alpha, beta }: Product): {
  y: number[];
  bound: number[];
  /** The largest of what is added up, to which float32's rounding is in proportion. */
  size: number;
} {
  const width = x.shape.at(-1)!;
  const rows = sizeOf(x.shape) / width;
  const columns = weight.shape[isTransposed ? 0 : 1]!;
  const w = (k: number, j: number): number => weight.data[isTransposed ? j * width + k : k * columns + j]!;
  const all = Array.from({ length: width }, (_, k) => k);
  const y: number[] = [];
  const bound: number[] = [];
  let size = 1e-3;
  for (let i = 0; i < rows; i++) {
    const row = x.data.subarray(i * width, (i + 1) * width);
    const step = Math.fround(Math.fround(Math.max(...row.map(Math.abs), 1e-30)) * Math.fround(1 / 127));
    for (let j = 0; j < columns; j++) {
      const scale = Math.fround(Math.max(...all.map((k) => Math.abs(w(k, j)))) / 64);
      let sum = 0;
      let slack = 0;
      for (const k of all) {
        const rounded = Math.round(w(k, j) / scale) || 0;
        sum += round(Math.fround(row[k]! / step)) * step * rounded * scale;
        slack += (step / 2) * Math.abs(w(k, j)) + (scale / 2) * Math.abs(row[k]!) + (step * scale) / 4;
      }
      const added = beta * (bias?.data[j] ?? 0);
      size = Math.max(size, Math.abs(alpha * sum), Math.abs(added));
      y.push(alpha * sum + added);
      bound.push(Math.abs(alpha) * slack);
    }
  }
  return { y, bound, size };
}

/** The product itself, in float64, and the largest of what is added up. */
function byLoops({ x, weight, bias, isTransposed, alpha, beta }: Product): { y: number[]; size: number } {
  const width = x.shape.at(-1)!;
  const columns = weight.shape[isTransposed ? 0 : 1]!;
  let size = 1e-3;
  const y = Array.from({ length: (x.data.length / width) * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    const added = beta * (bias?.data[j] ?? 0);
    let sum = 0;
    for (let k = 0; k < width; k++) {
      const term =
        alpha * x.data[i * width + k]! * weight.data[isTransposed ? j * width + k : k * columns + j]!;
      sum += term;
      size = Math.max(size, Math.abs(term), Math.abs(added));
    }
    return sum + added;
  });
  return { y, size };
}

test('a product follows the rule to rounding, and the rule the product within what it says', async () => {
  await fc.assert(
    fc.asyncProperty(anyProduct, async (product) => {
      const { x, weight, bias } = product;
      const { y, bound, size } = byRule(product);
      const given = new Map(Object.entries({ x, weight, ...(bias && { bias }) }));
      const [rounded, exact] = [await inEightBits(product), await run(graphOf(product), given)];
      for (const [i, value] of rounded.entries()) {
        expect(Math.abs(value - y[i]!)).toBeLessThanOrEqual(1e-5 * size);
        expect(Math.abs(value - exact[i]!)).toBeLessThanOrEqual(1.001 * bound[i]! + 1e-5 * size);
      }
    }),
    { numRuns: 40 },
  );
});

/** A product, and lines of its weight that change after it was rounded. */
const anyChange = anyProduct.chain((product) => {
  const [height = 0, width = 0] = product.weight.shape;
  return fc.constantFrom(0 as const, 1 as const).chain((axis) =>
    fc.record({
      product: fc.constant(product),
      axis: fc.constant(axis),
      numbers: fc.subarray(Array.from({ length: axis === 0 ? height : width }, (_, i) => i)),
      after: tensorOf(product.weight.shape),
    }),
  );
});

test('rows that change are rounded as they are now, in the steps of what is frozen, and cut off at its largest; outputs that do are exact', async () => {
  const rewrites = { rows: 0, outputs: 0 };
  await fc.assert(
    fc.asyncProperty(anyChange, async ({ product, axis, numbers, after }) => {
      const { x, weight, bias, isTransposed } = product;
      const width = weight.shape[1]!;
      const columns = weight.shape[isTransposed ? 0 : 1]!;
      const changes = (i: number): boolean =>
        numbers.includes(axis === 0 ? Math.floor(i / width) : i % width);
      const frozen = weight.data.map((value, i) => (changes(i) ? 0 : value));
      const scales = Array.from({ length: columns }, (_, j) =>
        Math.fround(
          Math.max(
            ...frozen.map((value, i) =>
              (isTransposed ? Math.floor(i / width) : i % width) === j ? Math.abs(value) : 0,
            ),
          ) / 64,
        ),
      );

      const lines = new Map([['weight', { axis, numbers: Int32Array.from(numbers) }]]);
      const products = new EightBitProducts(new EightBitWeights(new Map([['weight', weight]]), lines), []);
      const graph = products.rewrite(graphOf(product));
      const isAlongOutputs = axis === (isTransposed ? 0 : 1);
      if (numbers.length > 0 && !isAlongOutputs && scales.includes(0)) {
        expect(graph.nodes.map(({ opType }) => opType)).not.toContain('MatMulInteger');
        return;
      }
      rewrites[isAlongOutputs ? 'outputs' : 'rows'] += 1;
      expect(graph.inputs.some(({ name }) => name === 'weight')).toBe(numbers.length > 0);
      const now = float32(
        weight.shape,
        weight.data.map((value, i) => (changes(i) ? after.data[i]! : value)),
      );
      const feeds = { x, weight: now, ...(bias && { bias }) };
      const got = await run(graph, new Map([...Object.entries(feeds), ...products.feeds]));

      // The rule of a weight whose largest magnitudes are the frozen ones.
      const clipped = float32(
        weight.shape,
        now.data.map((value, i) => {
          const most = 64 * scales[isTransposed ? Math.floor(i / width) : i % width]!;
          return changes(i) ? Math.max(-most, Math.min(most, value)) : value;
        }),
      );
      const { y, size } = isAlongOutputs ? byRule(product) : byRule({ ...product, weight: clipped });
      const exact = byLoops({ ...product, weight: now });
      // Half a step of a weight where ONNX rounds a tie to even and JavaScript up.
      const tie = Math.max(...scales) * Math.max(...x.data.map(Math.abs)) * Math.abs(product.alpha);
      for (const [i, value] of got.entries()) {
        const isExact = isAlongOutputs && numbers.includes(i % columns);
        const [expected, bound] = isExact ? [exact.y[i]!, 1e-5 * exact.size] : [y[i]!, 1e-5 * size + tie];
        expect(Math.abs(value - expected)).toBeLessThanOrEqual(bound);
      }
    }),
    { numRuns: 100 },
  );
  expect(rewrites.rows).toBeGreaterThan(10);
  expect(rewrites.outputs).toBeGreaterThan(10);
});

describe('a row of activations', () => {
  const width = 16;
  const numbers = (count: number, seed: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 12.9898));
  const product = (rows: Float32Array): Product => ({
    x: float32([rows.length / width, width], rows),
    weight: float32([24, width], numbers(24 * width, 1)),
    bias: float32([24], numbers(24, 2)),
    isGemm: true,
    isTransposed: true,
    alpha: 1,
    beta: 1,
  });

  test('does not depend on the rows beside it, whatever their size', async () => {
    const x = numbers(7 * width, 3).map((value, i) => value * 10 ** Math.floor(i / width));
    const together = await inEightBits(product(x));
    for (let row = 0; row < 7; row++) {
      const alone = await inEightBits(product(x.slice(row * width, (row + 1) * width)));
      expect([...alone]).toEqual([...together.subarray(row * 24, (row + 1) * 24)]);
    }
  });

  test('of zeros gives the bias', async () => {
    const zeros = await inEightBits(product(new Float32Array(width)));
    expect([...zeros]).toEqual([...numbers(24, 2)]);
  });
});

/** q and k of x by frozen weights, their product, and that by a trained weight. */
function twoLevels(): { graph: StaticGraph; weights: Map<string, Tensor<'float32'>> } {
  const builder = new GraphBuilder();
  const shape = [8, 8];
  const [x, q, k, top] = ['x', 'q', 'k', 'top'].map((name) =>
    builder.input({ name, dtype: 'float32', shape }),
  ) as [string, string, string, string];
  const left = builder.op('Gemm', [x, q], { transB: int(1) });
  const right = builder.op('Gemm', [x, k], { transB: int(1) });
  const scores = builder.op('MatMul', [left, right]);
  const y = builder.op('MatMul', [scores, top], {}, 'y');
  const built = builder.build('levels', [{ name: y, dtype: 'float32', shape }]);
  const weights = new Map(
    ['q', 'k', 'top'].map((name, seed) => [
      name,
      float32(
        shape,
        Float32Array.from({ length: 64 }, (_, i) => Math.cos(seed + i)),
      ),
    ]),
  );
  return { graph: specialize(built, { dims: {}, variables: new Set() }), weights };
}

test('what a trained weight enters, and what multiplies activations alone, stays as it is', () => {
  const { graph, weights } = twoLevels();
  const rewritten = new EightBitProducts(new EightBitWeights(weights), ['top']).rewrite(graph);
  const count = (opType: string): number => rewritten.nodes.filter((node) => node.opType === opType).length;
  expect(count('MatMulInteger')).toBe(2);
  expect(count('QuantizeLinear')).toBe(1);
  expect(count('MatMul')).toBe(2);
  expect(count('Gemm')).toBe(0);
  expect(rewritten.inputs.map(({ name }) => name)).toContain('top');
  const all = new EightBitProducts(new EightBitWeights(weights), ['q', 'k', 'top']).rewrite(graph);
  expect(all.nodes.map(({ opType }) => opType)).toEqual(graph.nodes.map(({ opType }) => opType));
});

test('onnxruntime makes one operator of product, cast and scales, though the weights are inputs', async () => {
  const { graph, weights } = twoLevels();
  const rewritten = new EightBitProducts(new EightBitWeights(weights), ['top']).rewrite(graph);
  const directory = mkdtempSync(join(tmpdir(), 'gspf-'));
  const path = join(directory, 'optimized.onnx');
  const session = await ort.InferenceSession.create(encodeModel(rewritten), {
    optimizedModelFilePath: path,
    logSeverityLevel: 3,
  });
  await session.release();
  const optimized = fromBinary(ModelProtoSchema, readFileSync(path));
  rmSync(directory, { recursive: true });
  const opTypes = (optimized.graph?.node ?? []).map(({ opType }) => opType);
  expect(opTypes.filter((opType) => opType === 'MatMulIntegerToFloat')).toHaveLength(2);
  expect(opTypes).not.toContain('MatMulInteger');
  expect(opTypes).not.toContain('Cast');
});
