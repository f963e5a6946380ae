import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { elementTypeNumber } from '../../src/graph/element-types.ts';
import { int, type StaticGraph } from '../../src/graph/graph.ts';
import { withFusedIntegerProducts } from '../../src/lowering/fused-integer-products.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32 } from '../../src/tensor.ts';

interface Case {
  /** Whether the integers are an output too. */
  readonly isRead?: boolean;
  /** Whether the number is an input. */
  readonly isGiven?: boolean;
  readonly dtype?: 'float32' | 'float64';
}

/** y = number · scales · (a − 128)·b, of 8-bit integers. */
function product({ isRead = false, isGiven = false, dtype = 'float32' }: Case): StaticGraph {
  const builder = new GraphBuilder();
  const a = builder.input({ name: 'a', dtype: 'uint8', shape: [3, 4] });
  const b = builder.input({ name: 'b', dtype: 'int8', shape: [4, 5] });
  const scales = builder.input({ name: 'scales', dtype, shape: [5] });
  const zero = builder.initializer('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(128) });
  const number = isGiven
    ? builder.input({ name: 'number', dtype, shape: [] })
    : builder.initializer(
        'number',
        dtype === 'float32' ? float32([], [0.25]) : { dtype, shape: [], data: Float64Array.of(0.25) },
      );
  const integers = builder.op('MatMulInteger', [a, b, zero], {}, 'integers');
  const floats = builder.op('Cast', [integers], { to: int(elementTypeNumber(dtype)) });
  const factors = builder.op('Mul', [number, scales]);
  builder.op('Mul', [floats, factors], {}, 'y');
  const outputs = [
    { name: 'y', dtype, shape: [3, 5] },
    ...(isRead ? [{ name: 'integers', dtype: 'int32' as const, shape: [3, 5] }] : []),
  ];
  return specialize(builder.build('product', outputs), { dims: {}, variables: new Set() });
}

const opTypes = ({ nodes }: StaticGraph): readonly string[] => nodes.map(({ opType }) => opType);

it('makes one operator of product, cast and scales, of the same values', async () => {
  const graph = product({});
  const fused = withFusedIntegerProducts(graph);
  expect(opTypes(fused)).toEqual(['com.microsoft.MatMulIntegerToFloat']);
  const a = Uint8Array.from({ length: 12 }, (_, i) => (i * 37) % 256);
  const b = Int8Array.from({ length: 20 }, (_, i) => ((i * 53) % 129) - 64);
  const scales = Float32Array.from({ length: 5 }, (_, j) => 0.01 * (j + 1));
  const session = await ort.InferenceSession.create(encodeModel(fused), { graphOptimizationLevel: 'basic' });
  const { y } = await session.run({
    a: new ort.Tensor('uint8', a, [3, 4]),
    b: new ort.Tensor('int8', b, [4, 5]),
    scales: new ort.Tensor('float32', scales, [5]),
  });
  await session.release();
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 5; j++) {
      let sum = 0;
      for (let k = 0; k < 4; k++) sum += (a[4 * i + k]! - 128) * b[5 * k + j]!;
      expect(y!.data[5 * i + j]).toBeCloseTo(0.25 * scales[j]! * sum, 4);
    }
  }
});

it.each([
  ['whose integers are an output', { isRead: true }],
  ['by a number that is not known', { isGiven: true }],
  ['in float64', { dtype: 'float64' as const }],
])('leaves a product %s as it is', (_, given) => {
  const graph = product(given);
  expect(withFusedIntegerProducts(graph)).toBe(graph);
});
