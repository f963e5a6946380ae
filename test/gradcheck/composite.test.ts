import { describe, expect, test } from 'vitest';
import {
  cotangentName,
  differentiate,
  gradientName,
  vectorJacobianProduct,
} from '../../src/autodiff/differentiate.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { int, type StaticGraph } from '../../src/graph/graph.ts';
import { presentInputs } from '../../src/graph/topology.ts';
import type { NumericArray } from '../../src/ops/definition.ts';
import { toNumeric } from '../../src/ops/numeric.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { type Shape, sizeOf, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { draws } from './spec.ts';

const STEP = 1e-5;
const scalar = { dtype: 'float64', shape: [] } as const;

function float64(shape: Shape, values: readonly number[]): Tensor<'float64'> {
  return { dtype: 'float64', shape, data: Float64Array.from(values) };
}

/** A graph over float64 inputs of the given shapes, with the given outputs. */
function build(
  inputs: Readonly<Record<string, Shape>>,
  outputs: readonly string[],
  body: (b: GraphBuilder) => void,
  variables: readonly string[] = [],
): StaticGraph {
  const b = new GraphBuilder();
  for (const [name, shape] of Object.entries(inputs)) b.input({ name, dtype: 'float64', shape });
  body(b);
  const graph = b.build(
    'composite',
    outputs.map((name) => ({ name, ...scalar })),
  );
  return specialize(graph, { dims: {}, variables: new Set(variables) });
}

function sum(b: GraphBuilder, x: string, output: string): string {
  return b.op('ReduceSum', [x], { keepdims: int(0) }, output);
}

const feed = (values: Readonly<Record<string, Tensor>>): ReadonlyMap<string, NumericArray> =>
  new Map(Object.entries(values).map(([name, tensor]) => [name, toNumeric(tensor)]));

function gradientsOf(graph: StaticGraph, values: Readonly<Record<string, Tensor>>, wrt: readonly string[]) {
  const computed = evaluateGraph(differentiate(graph, { loss: 'loss', wrt }), feed(values));
  return wrt.map((name) => [...computed.get(gradientName(name))!.data]);
}

describe('a value that several nodes read', () => {
  test('gets the sum of what each gives it', () => {
    // loss = Σ (x·x + eˣ + x): 2x + eˣ + 1
    const graph = build({ x: [3] }, ['loss'], (b) => {
      const square = b.op('Mul', ['x', 'x']);
      const total = b.op('Add', [b.op('Add', [square, b.op('Exp', ['x'])]), 'x']);
      sum(b, total, 'loss');
    });
    const x = [-1, 0, 2];
    const [gradient] = gradientsOf(graph, { x: float64([3], x) }, ['x']);
    gradient!.forEach((value, i) => {
      expect(value).toBeCloseTo(2 * x[i]! + Math.exp(x[i]!) + 1, 12);
    });
  });

  test('and is read by one node three times', () => {
    const graph = build({ x: [] }, ['loss'], (b) => b.op('Max', ['x', 'x', 'x'], {}, 'loss'));
    expect(gradientsOf(graph, { x: float64([], [4]) }, ['x'])[0]![0]).toBeCloseTo(1, 12);
  });

  test('and is an output of the graph as well', () => {
    const graph = build({ x: [2] }, ['h', 'loss'], (b) => {
      b.op('Exp', ['x'], {}, 'h');
      sum(b, b.op('Mul', ['h', 'h']), 'loss');
    });
    const training = vectorJacobianProduct(graph, { outputs: ['h', 'loss'], wrt: ['x'] });
    const values = evaluateGraph(
      training,
      feed({
        x: float64([2], [0, 1]),
        [cotangentName('h')]: float64([2], [3, 5]),
        [cotangentName('loss')]: float64([], [2]),
      }),
    );
    // h = eˣ: 3·h + 2·2h² and 5·h + 2·2h²
    const [a, b] = values.get('grad/x')!.data;
    expect(a).toBeCloseTo(3 + 4, 12);
    expect(b).toBeCloseTo(5 * Math.E + 4 * Math.E ** 2, 12);
    expect([...values.get('h')!.data]).toEqual([1, Math.E]);
  });
});

test('a deep chain with shared values agrees with central differences', () => {
  const graph = build({ x: [2, 3], w: [3, 3], g: [3] }, ['loss'], (b) => {
    let h = 'x';
    for (let layer = 0; layer < 4; layer++) {
      const mixed = b.op('Tanh', [b.op('MatMul', [h, 'w'])]);
      h = b.op('LayerNormalization', [b.op('Add', [mixed, h]), 'g']);
    }
    const attention = b.op('Softmax', [b.op('MatMul', [h, b.op('Transpose', [h])])]);
    sum(b, b.op('Mul', [b.op('MatMul', [attention, h]), 'x']), 'loss');
  });
  const values = {
    x: float64([2, 3], draws(6, 1)),
    w: float64([3, 3], draws(9, 2)),
    g: float64([3], draws(3, 3)),
  };
  const wrt = ['x', 'w', 'g'] as const;
  const gradients = gradientsOf(graph, values, wrt);
  wrt.forEach((name, k) => {
    const lossAt = (index: number, shift: number): number => {
      const moved = { ...values[name], data: values[name].data.slice() };
      moved.data[index]! += shift;
      return evaluateGraph(graph, feed({ ...values, [name]: moved })).get('loss')!.data[0]!;
    };
    const expected = gradients[k]!.map((_, i) => (lossAt(i, STEP) - lossAt(i, -STEP)) / (2 * STEP));
    const scale = Math.max(...expected.map(Math.abs));
    gradients[k]!.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6 * scale);
    });
  });
});

test('a row of attention that is masked everywhere, and replaced, gets zeros and no NaN', () => {
  const graph = build({ x: [2, 3], mask: [2, 3], zero: [], v: [3] }, ['loss'], (b) => {
    const attention = b.op('Softmax', [b.op('Add', ['x', 'mask'])]);
    const safe = b.op('Where', [b.op('IsNaN', [attention]), 'zero', attention]);
    sum(b, b.op('Mul', [safe, 'v']), 'loss');
  });
  const hidden = Number.NEGATIVE_INFINITY;
  const values = {
    x: float64([2, 3], [1, 2, 3, 4, 5, 6]),
    mask: float64([2, 3], [0, 0, hidden, hidden, hidden, hidden]),
    zero: float64([], [0]),
    v: float64([3], [1, 2, 3]),
  };
  const [gradient = []] = gradientsOf(graph, values, ['x']);
  // With p = σ(1): dx₀ = p(1 − p)·(1 − 2) and dx₁ its opposite.
  const p = 1 / (1 + Math.E);
  [-p * (1 - p), p * (1 - p), 0, 0, 0, 0].forEach((expected, i) => {
    expect(gradient[i]).toBeCloseTo(expected, 12);
  });
});

describe('what the loss does not depend on', () => {
  test('has a gradient of zeros', () => {
    const graph = build({ x: [2], unused: [2, 2], behind: [2] }, ['loss', 'other'], (b) => {
      sum(b, b.op('Where', [b.op('Greater', ['behind', 'x']), 'x', 'x']), 'loss');
      sum(b, 'unused', 'other');
    });
    const values = {
      x: float64([2], [1, 2]),
      unused: float64([2, 2], [1, 2, 3, 4]),
      behind: float64([2], [0, 3]),
    };
    const [x, unused, behind] = gradientsOf(graph, values, ['x', 'unused', 'behind']);
    expect({ x, unused, behind }).toEqual({ x: [1, 1], unused: [0, 0, 0, 0], behind: [0, 0] });
  });

  test('the loss itself has a gradient of 1, and an input that is the output that of its cotangent', () => {
    const graph = build({ loss: [1, 1] }, ['loss'], () => {});
    expect(gradientsOf(graph, { loss: float64([1, 1], [5]) }, ['loss'])).toEqual([[1]]);
  });
});

describe('differentiate refuses', () => {
  const graph = build({ x: [2] }, ['loss', 'y'], (b) => {
    b.op('Exp', ['x'], {}, 'y');
    b.op('Cast', [sum(b, 'y', 'total')], { to: int(7) }, 'whole');
    b.op('Identity', ['total'], {}, 'loss');
  });

  test('a loss that is no scalar', () => {
    expect(failure(() => differentiate(graph, { loss: 'y', wrt: ['x'] }))).toBe(
      'graph/shape: loss "y": expected a scalar, got shape [2]',
    );
  });

  test('names that the graph lacks', () => {
    expect(failure(() => differentiate(graph, { loss: 'los', wrt: ['x'] }))).toBe(
      'graph/invalid: "los": expected the name of a graph input, initializer or value, got none of that name. Did you mean "loss"?',
    );
    expect(failure(() => differentiate(graph, { loss: 'loss', wrt: ['z'] }))).toContain('graph/invalid: "z"');
  });

  test('to differentiate with respect to integers', () => {
    expect(failure(() => differentiate(graph, { loss: 'loss', wrt: ['whole'] }))).toBe(
      'graph/not-differentiable: "whole": expected a float tensor, got int64',
    );
  });
});

describe('pruning at the lowest trainable weight', () => {
  const weights = [1, 2, 3].flatMap((layer) => [`w${layer}`, `b${layer}`]);
  const shapes: Readonly<Record<string, Shape>> = { w: [4, 4], b: [4] };

  /** h1 = relu(x·w1 + b1), h2 = relu(h1·w2 + b2), loss = Σ (h2·w3 + b3). */
  const mlp = build(
    { x: [3, 4] },
    ['loss'],
    (b) => {
      weights.forEach((name, i) => {
        const shape = shapes[name[0]!]!;
        b.initializer(name, float64(shape, draws(sizeOf(shape), i)));
      });
      const affine = (x: string, layer: number) =>
        b.op('Add', [b.op('MatMul', [x, `w${layer}`]), `b${layer}`], {}, `a${layer}`);
      b.op('Relu', [affine('x', 1)], {}, 'h1');
      b.op('Relu', [affine('h1', 2)], {}, 'h2');
      sum(b, affine('h2', 3), 'loss');
    },
    weights,
  );

  /** The backward nodes' types, and the forward values and weights that they read. */
  function backwardPart(wrt: readonly string[]) {
    const training = differentiate(mlp, { loss: 'loss', wrt });
    const forward = new Set([...mlp.nodes.flatMap(({ outputs }) => outputs), ...weights, 'x']);
    const nodes = training.nodes.filter((node) => node.outputs.every((output) => !forward.has(output)));
    const reads = new Set(nodes.flatMap(presentInputs).filter((name) => forward.has(name)));
    return { types: nodes.map(({ opType }) => opType).sort(), reads: [...reads].sort() };
  }

  test('only the last layer: one product, and nothing read below its input', () => {
    const { types, reads } = backwardPart(['w3', 'b3']);
    expect(types.filter((type) => type === 'Gemm' || type === 'MatMul')).toHaveLength(1);
    expect(types).not.toContain('Where');
    expect(reads).toEqual(['h2']);
  });

  test('only the last bias: no product and no forward value', () => {
    const { types, reads } = backwardPart(['b3']);
    expect(types.filter((type) => type === 'Gemm' || type === 'MatMul')).toEqual([]);
    expect(reads).toEqual([]);
  });

  test('the middle layer: two products more, one ReLU, nothing of the first layer but its output', () => {
    const { types, reads } = backwardPart(['w2', 'w3']);
    expect(types.filter((type) => type === 'Gemm' || type === 'MatMul')).toHaveLength(3);
    expect(types.filter((type) => type === 'Where')).toHaveLength(1);
    expect(reads).toEqual(['a2', 'h1', 'h2', 'w3']);
  });

  test('every layer: five products, and none for the gradient of the input', () => {
    const { types, reads } = backwardPart(weights);
    expect(types.filter((type) => type === 'Gemm' || type === 'MatMul')).toHaveLength(5);
    expect(reads).toEqual(['a1', 'a2', 'h1', 'h2', 'w2', 'w3', 'x']);
  });

  test('the forward part is what it was', () => {
    const training = differentiate(mlp, { loss: 'loss', wrt: ['w3'] });
    const names = new Set(mlp.nodes.map(({ name }) => name));
    expect(training.nodes.filter(({ name }) => names.has(name))).toEqual(mlp.nodes);
  });
});
