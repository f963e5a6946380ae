import { describe, expect, test } from 'vitest';
import { cotangentName, gradientName, vectorJacobianProduct } from '../../src/autodiff/differentiate.ts';
import type { StaticGraph } from '../../src/graph/graph.ts';
import { fromNumeric, toNumeric } from '../../src/ops/numeric.ts';
import type { Backend, NamedTensors } from '../../src/runtime/backend.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, int64, isFloat, sizeOf, type Tensor, zeros } from '../../src/tensor.ts';
import { rejection } from '../data/failure.ts';
import { draws, instantiate } from '../gradcheck/spec.ts';
import { specs } from '../gradcheck/specs.ts';

/** Largest difference to the float64 evaluator, relative to the largest entry (to 1 where all are smaller). */
const TOLERANCE = 1e-5;

/**
 * What every backend must do: all operators forward and backward in float32, and the contract of
 * {@link Backend}.
 */
export function describeBackend(backend: Backend): void {
  describe(backend.name, () => {
    for (const spec of specs) {
      test(`${spec.op}, ${spec.about}: forward`, async () => {
        const { graph, feeds } = instantiate(spec, 'float32');
        await agrees(backend, graph, feeds);
      });
      const { specialized, feeds, wrt } = instantiate(spec, 'float32');
      const outputs = spec.seeded.filter((name) => isFloat(specialized.types.get(name)?.dtype ?? 'bool'));
      if (wrt.length === 0 || outputs.length === 0) continue;
      test(`${spec.op}, ${spec.about}: backward`, async () => {
        const backward = vectorJacobianProduct(specialized, { outputs, wrt });
        const cotangents = outputs.map((name, i): [string, Tensor] => [
          cotangentName(name),
          cotangent(specialized, name, 100 + i),
        ]);
        await agrees(backend, backward, new Map([...feeds, ...cotangents]));
      });
    }
    describeContract(backend);
  });
}

function describeContract(backend: Backend): void {
  test('a fed array that is changed in place is read anew', async () => {
    const executable = await backend.compile(affine());
    const weight = float32([2, 2], [1, 0, 0, 1]);
    const feeds = new Map([...affineFeeds(), ['w', weight]]);
    const y = zeros('float32', [1, 2]);
    await executable.run(feeds, new Map([['y', y]]));
    expect([...y.data]).toEqual([13, 24]);
    weight.data.set([0, 1, 2, 0]);
    await executable.run(feeds, new Map([['y', y]]));
    expect([...y.data]).toEqual([18, 23]);
    await executable.release();
  });

  test('results are written into the arrays given, and only the outputs asked for', async () => {
    const executable = await backend.compile(affine());
    const memory = new Float32Array(6).fill(7);
    const y = float32([1, 2], memory.subarray(2, 4));
    await executable.run(affineFeeds(), new Map([['y', y]]));
    expect([...memory]).toEqual([7, 7, 13, 24, 7, 7]);
    const [product, same] = [zeros('float32', [1, 2]), zeros('float32', [1, 2])];
    await executable.run(affineFeeds(), new Map<string, Tensor>([['product', product]]));
    expect([...product.data]).toEqual([3, 4]);
    await executable.run(
      affineFeeds(),
      new Map<string, Tensor>([
        ['y', same],
        ['product', y],
      ]),
    );
    expect([...same.data, ...y.data]).toEqual([13, 24, 3, 4]);
    await executable.release();
  });

  test('a feed that is missing or of another type is refused by its name', async () => {
    const executable = await backend.compile(affine());
    const results = new Map([['y', zeros('float32', [1, 2])]]);
    const without = new Map(affineFeeds());
    without.delete('w');
    const run = (name: string, tensor: Tensor) =>
      rejection(executable.run(new Map([...affineFeeds(), [name, tensor]]), results));
    expect(await rejection(executable.run(without, results))).toBe(
      'graph/shape: input "w": expected float32[2, 2], got none',
    );
    expect(await run('x', float32([2, 1], [1, 2]))).toBe(
      'graph/shape: input "x": expected float32[1, 2], got float32[2, 1]',
    );
    expect(await run('x', int64([1, 2], [1, 2]))).toBe(
      'graph/shape: input "x": expected float32[1, 2], got int64[1, 2]',
    );
    await executable.release();
  });

  test('a result that the graph lacks or of another type is refused by its name', async () => {
    const executable = await backend.compile(affine());
    const run = (name: string, tensor: Tensor) =>
      rejection(executable.run(affineFeeds(), new Map([[name, tensor]])));
    expect(await run('prodct', zeros('float32', [1, 2]))).toBe(
      'graph/shape: result "prodct": expected an output of the graph, got none of that name. Did you mean "product"?',
    );
    expect(await run('y', zeros('float64', [1, 2]))).toBe(
      'graph/shape: result "y": expected float32[1, 2], got float64[1, 2]',
    );
    expect(await run('y', zeros('float32', [2]))).toBe(
      'graph/shape: result "y": expected float32[1, 2], got float32[2]',
    );
    await executable.release();
  });

  test('an output that was computed at compile time, and one that copies an input', async () => {
    const graph = specialize(
      {
        name: 'plain',
        inputs: [{ name: 'x', dtype: 'float32', shape: [2] }],
        outputs: ['copy', 'folded'].map((name) => ({ name, dtype: 'float32', shape: [2] })),
        initializers: new Map([['c', float32([2], [1, 2])]]),
        nodes: [
          { name: 'n', opType: 'Neg', inputs: ['c'], outputs: ['folded'], attributes: {} },
          { name: 'i', opType: 'Identity', inputs: ['x'], outputs: ['copy'], attributes: {} },
        ],
      },
      { dims: {}, variables: new Set() },
    );
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['Identity']);
    const executable = await backend.compile(graph);
    const [copy, folded] = [zeros('float32', [2]), zeros('float32', [2])];
    await executable.run(
      new Map([['x', float32([2], [5, 6])]]),
      new Map([
        ['copy', copy],
        ['folded', folded],
      ]),
    );
    expect([...copy.data, ...folded.data]).toEqual([5, 6, -1, -2]);
    await executable.release();
  });

  test('slices that are added many times over give the same sum in every run', async () => {
    const [words, rows, width] = [50, 4096, 64];
    const ids = int64(
      [rows],
      draws(rows, 1).map((z) => Math.floor(Math.abs(z) * 1000) % words),
    );
    const forward = specialize(
      {
        name: 'embedding',
        inputs: [
          { name: 'w', dtype: 'float32', shape: [words, width] },
          { name: 'ids', dtype: 'int64', shape: [rows] },
        ],
        outputs: [{ name: 'y', dtype: 'float32', shape: [rows, width] }],
        initializers: new Map(),
        nodes: [{ name: 'g', opType: 'Gather', inputs: ['w', 'ids'], outputs: ['y'], attributes: {} }],
      },
      { dims: {}, variables: new Set() },
    );
    const backward = vectorJacobianProduct(forward, { outputs: ['y'], wrt: ['w'] });
    const feeds = new Map<string, Tensor>([
      ['w', zeros('float32', [words, width])],
      ['ids', ids],
      [cotangentName('y'), cotangent(forward, 'y', 2)],
    ]);
    await agrees(backend, backward, feeds);
    const executable = await backend.compile(backward);
    const [first, again] = [zeros('float32', [words, width]), zeros('float32', [words, width])];
    await executable.run(feeds, new Map([[gradientName('w'), first]]));
    for (let run = 0; run < 3; run++) {
      await executable.run(feeds, new Map([[gradientName('w'), again]]));
      expect(again.data).toEqual(first.data);
    }
    await executable.release();
  });

  test('two executables do not disturb each other', async () => {
    const [first, second] = [await backend.compile(affine()), await backend.compile(affine())];
    const y = zeros('float32', [1, 2]);
    await first.run(affineFeeds(), new Map([['y', y]]));
    await first.release();
    y.data.fill(0);
    await second.run(affineFeeds(), new Map([['y', y]]));
    expect([...y.data]).toEqual([13, 24]);
    await second.release();
  });
}

/** y = x·w + [10, 20], with the product as an output too. */
function affine(): StaticGraph {
  return specialize(
    {
      name: 'affine',
      inputs: [
        { name: 'x', dtype: 'float32', shape: [1, 2] },
        { name: 'w', dtype: 'float32', shape: [2, 2] },
      ],
      outputs: ['y', 'product'].map((name) => ({ name, dtype: 'float32', shape: [1, 2] })),
      initializers: new Map([['b', float32([2], [10, 20])]]),
      nodes: [
        { name: 'p', opType: 'MatMul', inputs: ['x', 'w'], outputs: ['product'], attributes: {} },
        { name: 'a', opType: 'Add', inputs: ['product', 'b'], outputs: ['y'], attributes: {} },
      ],
    },
    { dims: {}, variables: new Set() },
  );
}

const affineFeeds = (): Map<string, Tensor> =>
  new Map([
    ['x', float32([1, 2], [3, 4])],
    ['w', float32([2, 2], [1, 0, 0, 1])],
  ]);

/** Runs a graph and compares every output with the float64 evaluator; integers and truth values exactly. */
async function agrees(backend: Backend, graph: StaticGraph, feeds: NamedTensors): Promise<void> {
  const results = new Map(
    graph.outputs.map(({ name, dtype, shape }) => [name, zeros(dtype, shape.map(Number))]),
  );
  const executable = await backend.compile(graph);
  await executable.run(feeds, results);
  await executable.release();
  const expected = evaluateGraph(
    graph,
    new Map([...feeds].map(([name, tensor]) => [name, toNumeric(tensor)] as const)),
  );
  for (const [name, tensor] of results) {
    const [got, want] = [toNumeric(tensor), expected.get(name)!];
    expect({ name, dtype: got.dtype, shape: got.shape }).toEqual({
      name,
      dtype: want.dtype,
      shape: want.shape,
    });
    const scale = want.data.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
    const tolerance = isFloat(want.dtype) ? TOLERANCE * scale : 0;
    const off = [...want.data].flatMap((value, i) =>
      Math.abs(value - got.data[i]!) <= tolerance || Object.is(value, got.data[i]) ? [] : [i],
    );
    expect(off, `${name}: got ${got.data}, expected ${want.data}`).toEqual([]);
  }
}

function cotangent(graph: StaticGraph, output: string, stream: number): Tensor {
  const { dtype, shape } = graph.types.get(output)!;
  return fromNumeric({ dtype, shape, data: Float64Array.from(draws(sizeOf(shape), stream)) });
}
