import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import type { Graph, Node } from '../../src/graph/graph.ts';
import { string } from '../../src/graph/graph.ts';
import { narrow } from '../../src/models/half-precision.ts';
import { modelGradients } from '../../src/node/gradients.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { type DType, float32, int64, type Tensor, zeros } from '../../src/tensor.ts';
import { rejection } from '../data/failure.ts';

// y = x·w + b: ∂/∂w = xᵀ·ȳ, ∂/∂b = Σ ȳ, ∂/∂x = ȳ·wᵀ, by hand.
const x = float32([2, 2], [1, 2, 3, 4]);
const w = float32([2, 2], [3, 4, 5, 6]);
const b = float32([2], [0.5, -0.5]);
const cotangent = float32([2, 2], [1, 10, 100, 1000]);
const expected = {
  'output/y': float32([2, 2], [13.5, 15.5, 29.5, 35.5]),
  'grad/w': float32([2, 2], [301, 3010, 402, 4020]),
  'grad/b': float32([2], [101, 1010]),
  'grad_input/x': float32([2, 2], [43, 65, 4300, 6500]),
};

const wrtInputs = true;

function layer(dtype: DType, store: (builder: GraphBuilder, name: string, tensor: Tensor) => void): Graph {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype, shape: ['rows', 2] });
  store(builder, 'w', w);
  store(builder, 'b', b);
  builder.op('Add', [builder.op('MatMul', ['x', 'w']), 'b'], {}, 'y');
  return builder.build('layer', [{ name: 'y', dtype, shape: ['rows', 2] }]);
}

describe('weights have gradients', () => {
  test.each(['float16', 'bfloat16'] as const)('as initializers of %s', async (dtype) => {
    const graph = layer(dtype, (builder, name, tensor) => {
      if (tensor.dtype === 'float32') builder.initializer(name, narrow(tensor, dtype));
    });
    const half = new Map([['x', narrow(x, dtype)]]);
    const { tensors, omitted } = await modelGradients(graph, half, new Map([['y', cotangent]]), {
      wrtInputs,
    });
    expect(Object.fromEntries(tensors)).toEqual(expected);
    expect(omitted).toEqual([]);
    const narrowed = new Map([['y', narrow(float32([2, 2], [1, 2, 3, 4]), dtype)]]);
    const { tensors: others } = await modelGradients(graph, half, narrowed);
    expect(others.get('grad/b')).toEqual(float32([2], [4, 6]));
  });

  test('as the values of Constant nodes', async () => {
    const graph = layer('float32', (builder, name, value) =>
      builder.op('Constant', [], { value: { type: 'tensor', value } }, name),
    );
    const inputs = new Map([['x', x]]);
    const { tensors } = await modelGradients(graph, inputs, new Map([['y', cotangent]]), { wrtInputs });
    expect(Object.fromEntries(tensors)).toEqual(expected);
  });

  test('that are outputs themselves', async () => {
    const graph = layer('float32', (builder, name, tensor) => builder.initializer(name, tensor));
    const outputs = [...graph.outputs, { name: 'b', dtype: 'float32' as const, shape: [2] }];
    const cotangents = new Map([
      ['y', cotangent],
      ['b', float32([2], [1, 2])],
    ]);
    const { tensors } = await modelGradients({ ...graph, outputs }, new Map([['x', x]]), cotangents);
    expect(tensors.get('output/b')).toEqual(b);
    expect(tensors.get('grad/b')).toEqual(float32([2], [102, 1012]));
  });

  test('read inside the branch of an If', async () => {
    const outer = layer('float32', (builder, name, tensor) => builder.initializer(name, tensor));
    const zero = (name: string): Node => ({
      ...outer.nodes[0]!,
      opType: 'Sub',
      inputs: ['x', 'x'],
      outputs: [name],
    });
    const branch = (nodes: readonly Node[], name: string) =>
      ({ type: 'graph', value: { inputs: [], outputs: [name], nodes } }) as const;
    const builder = new GraphBuilder({ ...outer, nodes: [] });
    const positive = builder.op('Greater', [
      builder.op('ReduceMax', ['x'], { keepdims: { type: 'int', value: 0 } }),
      builder.initializer('zero', float32([], [0])),
    ]);
    const branches = { then_branch: branch(outer.nodes, 'y'), else_branch: branch([zero('z')], 'z') };
    const graph = builder.build('branch', [{ name: 'chosen', dtype: 'float32', shape: ['rows', 2] }]);
    const chosen: Node = {
      name: 'if',
      opType: 'If',
      inputs: [positive],
      outputs: ['chosen'],
      attributes: branches,
    };
    const whole = { ...graph, nodes: [...graph.nodes, chosen] };
    const inputs = new Map([['x', x]]);
    const { tensors } = await modelGradients(whole, inputs, new Map([['chosen', cotangent]]));
    expect(tensors.get('grad/w')).toEqual(expected['grad/w']);
    expect(tensors.get('grad/b')).toEqual(expected['grad/b']);
  });
});

// Exporters write one list where scales and factors are alike.
test('a list of floats that decides a shape has the gradient of its other uses', async () => {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: [1, 1, 1, 2] });
  builder.initializer('s', float32([4], [1, 1, 2, 3]));
  builder.initializer('row', float32([1, 1, 1, 4], [1, 2, 3, 4]));
  const resized = builder.op('Resize', ['x', undefined, 's'], { mode: string('nearest') });
  const factor = builder.op('ReduceSum', [builder.op('Mul', ['row', 's'])]);
  builder.op('Mul', [resized, factor], {}, 'y');
  const graph = builder.build('resize', [{ name: 'y', dtype: 'float32', shape: [1, 1, 2, 6] }]);
  const { tensors } = await modelGradients(
    graph,
    new Map([['x', float32([1, 1, 1, 2], [5, 7])]]),
    new Map([['y', float32([1, 1, 2, 6], new Float32Array(12).fill(1))]]),
  );
  // Σy = (Σ row·s)·Σ resize(x), and the resized x holds each pixel six times.
  expect(tensors.get('grad/s')).toEqual(float32([4], [72, 144, 216, 288]));
});

describe('what onnxruntime says is passed on with the node', () => {
  const graphOf = (opType: string, dtype: DType, attributes = {}): Graph => {
    const builder = new GraphBuilder();
    builder.input({ name: 'x', dtype, shape: [2] });
    const { nodes, ...rest } = builder.build('g', [{ name: 'y', dtype, shape: [2] }]);
    const node = { name: '/block/3', opType, inputs: ['x', 'x'], outputs: ['y'], attributes };
    return { ...rest, nodes: [...nodes, node] };
  };

  test('that it refuses', async () => {
    const graph = graphOf('BitShift', 'uint16', { direction: string('LEFT') });
    const compiled = onnxRuntime().compile(specialize(graph, { dims: {}, variables: new Set() }));
    expect(await rejection(compiled)).toMatch(
      /^runtime\/failed: BitShift "\/block\/3": expected a graph that onnxruntime accepts, got Could not find/,
    );
  });

  test('that fails', async () => {
    const graph = graphOf('Gather', 'int64');
    const executable = await onnxRuntime().compile(specialize(graph, { dims: {}, variables: new Set() }));
    const run = executable.run(new Map([['x', int64([2], [0, 9])]]), new Map([['y', zeros('int64', [2])]]));
    expect(await rejection(run)).toMatch(
      /^runtime\/failed: Gather "\/block\/3": expected a run without failure, got .* out of data bounds, idx=9/,
    );
    await executable.release();
  });
});
