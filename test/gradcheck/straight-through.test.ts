import { describe, expect, test } from 'vitest';
import { cotangentName, gradientName, vectorJacobianProduct } from '../../src/autodiff/differentiate.ts';
import { int, type Node, type StaticGraph } from '../../src/graph/graph.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import type { NumericArray } from '../../src/ops/definition.ts';
import { toNumeric } from '../../src/ops/numeric.ts';
import { definitionOf } from '../../src/ops/table.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, sizeOf, type Tensor, zeros } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import cases from '../fixtures/fake-quantize/fake-quantize.json' with { type: 'json' };
import { relativeError } from '../numbers.ts';
import { draws } from './spec.ts';

const node = (
  opType: string,
  inputs: string[],
  outputs: string[],
  attributes: Node['attributes'] = {},
): Node => ({
  name: outputs[0] ?? '',
  opType,
  inputs,
  outputs,
  attributes,
});

/** A graph of float64 inputs with one output, `y`. */
function build(
  inputs: Readonly<Record<string, readonly number[]>>,
  initializers: Readonly<Record<string, Tensor>>,
  nodes: readonly Node[],
  dtype: 'float32' | 'float64' = 'float64',
): StaticGraph {
  const graph = {
    name: 'rounded',
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, dtype, shape })),
    outputs: [{ name: 'y', dtype, shape: [] }],
    initializers: new Map(Object.entries(initializers)),
    nodes,
  };
  return specialize(graph, { dims: {}, variables: new Set() });
}

const float64 = (shape: readonly number[], values: readonly number[]): Tensor<'float64'> => ({
  dtype: 'float64',
  shape,
  data: Float64Array.from(values),
});
const int8 = (shape: readonly number[], values: readonly number[]): Tensor<'int8'> => ({
  dtype: 'int8',
  shape,
  data: Int8Array.from(values),
});
const uint8 = (shape: readonly number[], values: readonly number[]): Tensor<'uint8'> => ({
  dtype: 'uint8',
  shape,
  data: Uint8Array.from(values),
});

/** Rounded to 8 bits and back. */
const pair = (x: string, y: string, attributes: Node['attributes'] = {}): readonly Node[] => [
  node('QuantizeLinear', [x, 's', 'z'], [`${x}/q`], attributes),
  node('DequantizeLinear', [`${x}/q`, 's', 'z'], [y], attributes),
];

describe("gradients of numbers rounded and back are those of PyTorch's fake_quantize", () => {
  test.each(cases)('$about', async ({ shape, scale, zeroPoint, low, axis, x, y, g, dx }) => {
    const vector = axis === null ? [] : [scale.length];
    const z = low < 0 ? int8(vector, zeroPoint) : uint8(vector, zeroPoint);
    const attributes = axis === null ? {} : { axis: int(axis) };
    const forward = build(
      { x: shape },
      { s: float32(vector, scale), z },
      pair('x', 'y', attributes),
      'float32',
    );
    const graph = vectorJacobianProduct(forward, { outputs: ['y'], wrt: ['x'] });
    const executable = await onnxRuntime().compile(graph);
    const [value, gradient] = [zeros('float32', shape), zeros('float32', shape)];
    await executable.run(
      new Map([
        ['x', float32(shape, x)],
        [cotangentName('y'), float32(shape, g)],
      ]),
      new Map([
        ['y', value],
        [gradientName('x'), gradient],
      ]),
    );
    await executable.release();
    expect(relativeError(value, float32(shape, y))).toBeLessThan(1e-6);
    expect(relativeError(gradient, float32(shape, dx))).toBeLessThan(1e-6);
  });
});

type Values = ReadonlyMap<string, NumericArray>;

/**
 * The values of a graph in which the line clip(x/s + z) has taken the place of each step, moved so that it goes through
 * the step's value at `at`: a smooth function with the same value there. Scales and zero points stay what they are at `at`.
 */
function alongLines(graph: StaticGraph, feeds: Values, at: Values): Values {
  const values = new Map([...graph.initializers].map(([name, tensor]) => [name, toNumeric(tensor)]));
  for (const [name, value] of feeds) values.set(name, value);
  for (const { opType, inputs, outputs, ...rest } of graph.nodes) {
    const rounds = opType === 'QuantizeLinear' || opType === 'DynamicQuantizeLinear';
    const dynamic = opType === 'DynamicQuantizeLinear';
    const [q = ''] = outputs;
    if (rounds) {
      const [x = ''] = inputs;
      const [scale, zero] = (dynamic ? outputs : inputs).slice(1).map((name) => at.get(name)!.data[0]!);
      const [low, high] = graph.types.get(q)?.dtype === 'int8' ? [-128.5, 127.5] : [-0.5, 255.5];
      const moved = (value: number, i: number): number => {
        const from = at.get(x)!.data[i]!;
        const line = from / scale! + zero!;
        return at.get(q)!.data[i]! + (low <= line && line <= high ? (value - from) / scale! : 0);
      };
      values.set(q, { ...at.get(q)!, data: values.get(x)!.data.map(moved) });
      if (dynamic) for (const name of outputs.slice(1)) values.set(name, at.get(name)!);
      continue;
    }
    const node = { opType, inputs, outputs, ...rest };
    const results = definitionOf(node).evaluate({ node, inputs: inputs.map((name) => values.get(name)) });
    outputs.forEach((name, i) => {
      values.set(name, results[i]!);
    });
  }
  return values;
}

const s = float64([], [0.05]);
const weights = int8([4, 3], [3, -60, 100, 0, 7, -128, 127, 1, 50, -9, 80, 20]);
const graphs = {
  'a pair among products': build({ x: [5, 4], w: [4, 3] }, { s, z: int8([], [-20]) }, [
    ...pair('x', 'rounded'),
    node('MatMul', ['rounded', 'w'], ['h']),
    node('Tanh', ['h'], ['y']),
  ]),
  'rounded weights': build({ x: [5, 4], w: [4, 3] }, { s, z: uint8([], [120]) }, [
    ...pair('w', 'rounded'),
    node('MatMul', ['x', 'rounded'], ['y']),
  ]),
  'layout between the two': build({ x: [5, 4] }, { s, z: uint8([], [120]) }, [
    node('QuantizeLinear', ['x', 's', 'z'], ['q']),
    node('Transpose', ['q'], ['turned']),
    node('DequantizeLinear', ['turned', 's', 'z'], ['y']),
  ]),
  'a product of bytes, scaled': build({ x: [5, 4], b: [3] }, { s, weights, z: int8([3], [4, 0, -7]) }, [
    node('DynamicQuantizeLinear', ['x'], ['q', 'scale', 'zero']),
    node('MatMulInteger', ['q', 'weights', 'zero', 'z'], ['product']),
    node('Cast', ['product'], ['real'], { to: int(11) }),
    node('Mul', ['scale', 's'], ['scales']),
    node('Mul', ['real', 'scales'], ['scaled']),
    node('Add', ['scaled', 'b'], ['y']),
  ]),
  'a product of two that were rounded': build({ x: [2, 5, 4], w: [4, 3] }, {}, [
    node('DynamicQuantizeLinear', ['x'], ['p', 'sx', 'zx']),
    node('DynamicQuantizeLinear', ['w'], ['q', 'sw', 'zw']),
    node('MatMulInteger', ['p', 'q', 'zx', 'zw'], ['product']),
    node('Cast', ['product'], ['real'], { to: int(11) }),
    node('Mul', ['sx', 'sw'], ['scales']),
    node('Mul', ['real', 'scales'], ['y']),
  ]),
  "onnxruntime's DynamicQuantizeMatMul": build({ x: [5, 4], b: [3] }, { s, weights, z: int8([], [4]) }, [
    node('com.microsoft.DynamicQuantizeMatMul', ['x', 'weights', 's', 'z', 'b'], ['y']),
  ]),
} satisfies Readonly<Record<string, StaticGraph>>;

const STEP = 1e-4;

describe('gradients are the differences along clipped lines in place of steps', () => {
  test.each(Object.entries(graphs))('%s', (_name, graph) => {
    const wrt = graph.inputs.map(({ name }) => name);
    const feeds = new Map(
      wrt.map((name, i): [string, NumericArray] => {
        const { shape } = graph.types.get(name)!;
        const data = Float64Array.from(draws(sizeOf(shape), 40 + i), (z) => 3 * z);
        return [name, { dtype: 'float64', shape, data }];
      }),
    );
    const steps = evaluateGraph(graph, feeds);
    const y = steps.get('y')!;
    const cotangent = { ...y, data: Float64Array.from(draws(y.data.length, 50)) };
    const backward = vectorJacobianProduct(graph, { outputs: ['y'], wrt });
    const got = evaluateGraph(backward, new Map([...feeds, [cotangentName('y'), cotangent]]));
    for (const name of wrt) {
      const lossAt = (index: number, shift: number): number => {
        const moved = { ...feeds.get(name)!, data: feeds.get(name)!.data.slice() };
        moved.data[index]! += shift;
        const { data } = alongLines(graph, new Map([...feeds, [name, moved]]), steps).get('y')!;
        return data.reduce((sum, value, i) => sum + value * cotangent.data[i]!, 0);
      };
      const expected = moveEach(feeds.get(name)!, (i) => (lossAt(i, STEP) - lossAt(i, -STEP)) / (2 * STEP));
      expect(Math.max(...expected.data.map(Math.abs))).toBeGreaterThan(0.1);
      expect(relativeError(got.get(gradientName(name))!, expected)).toBeLessThan(1e-6);
    }
  });
});

const moveEach = (x: NumericArray, derivative: (i: number) => number): Tensor<'float64'> =>
  float64(
    x.shape,
    [...x.data].map((_, i) => derivative(i)),
  );

test('what is not run is refused by name', () => {
  const refused = (
    opType: string,
    shape: number[],
    initializers: Readonly<Record<string, Tensor>>,
    blocks = 0,
  ) =>
    failure(() =>
      build({ x: shape }, initializers, [
        node(
          opType,
          ['x', ...Object.keys(initializers)],
          ['y'],
          blocks === 0 ? {} : { block_size: int(blocks) },
        ),
      ]),
    );
  expect(
    refused('QuantizeLinear', [2, 4], { s: float64([2, 2], [1, 1, 1, 1]), z: int8([2, 2], [0, 0, 0, 0]) }, 2),
  ).toBe(
    'graph/operator: QuantizeLinear "y": expected one scale, or one for each index of an axis, got blocks, scales [2,2]',
  );
  expect(refused('QuantizeLinear', [2, 4], { s: float64([3], [1, 1, 1]), z: int8([3], [0, 0, 0]) })).toBe(
    'graph/shape: QuantizeLinear "y": expected 4 scales for axis 1 of [2,4], got 3',
  );
  expect(
    refused('QuantizeLinear', [2], { s, z: { dtype: 'int16', shape: [], data: Int16Array.of(0) } }),
  ).toBe('graph/operator: QuantizeLinear "y": expected a zero point of type int8 or uint8, got int16');
});

test('the type to round to, as later opsets name it, becomes a zero point', () => {
  const graph = build({ x: [3] }, { s }, [
    node('QuantizeLinear', ['x', 's'], ['q'], { output_dtype: int(3), block_size: int(0) }),
    node('DequantizeLinear', ['q', 's'], ['y'], { output_dtype: int(0) }),
  ]);
  expect(graph.nodes.flatMap(({ attributes }) => Object.keys(attributes))).toEqual([]);
  const x: NumericArray = { dtype: 'float64', shape: [3], data: Float64Array.of(-1, 0.24, 40) };
  expect([...evaluateGraph(graph, new Map([['x', x]])).get('y')!.data]).toEqual([
    expect.closeTo(-1),
    expect.closeTo(0.25),
    expect.closeTo(6.35),
  ]);
});
