import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { elementTypeNumber } from '../../src/graph/element-types.ts';
import { type Body, type Graph, int, type Node } from '../../src/graph/graph.ts';
import { importGraph } from '../../src/imported/import.ts';
import { type DType, float32, int64, sizeOf, type Tensor } from '../../src/tensor.ts';
import { gradientCases } from '../gradparity/cases.ts';

// The fixtures' meta.json says which initializers PyTorch has a gradient for, and which are constants.
describe.each(gradientCases())('$name', ({ graph, meta }) => {
  test('the weights are those that PyTorch trains', () => {
    const { weights, roles } = importGraph(graph);
    expect([...weights.keys()].sort()).toEqual(Object.keys(meta.gradients).sort());
    for (const name of Object.keys(meta.initializers_without_gradient)) {
      expect([name, roles.get(name)?.kind]).not.toEqual([name, 'weight']);
    }
  });
});

const random = (...shape: number[]): Tensor<'float32'> =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(Math.sin(i * 12.9898 + 1) / 3)),
  );

/** A graph whose one float output is what `body` returns, of the float input `x`. */
function graphOf(body: (builder: GraphBuilder) => string): Graph {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: ['batch', 8] });
  builder.op('Identity', [body(builder)], {}, 'y');
  return builder.build('test', [{ name: 'y', dtype: 'float32', shape: ['batch', 8] }]);
}

/** The role of the tensor `t` in such a graph. */
const roleOf = (tensor: Tensor, body: (builder: GraphBuilder) => string) =>
  importGraph(
    graphOf((builder) => {
      builder.initializer('t', tensor);
      return body(builder);
    }),
  ).roles.get('t');

describe('a float tensor is a weight', () => {
  test.each<[string, Tensor, (b: GraphBuilder) => string]>([
    ['as a factor', random(8, 8), (b) => b.op('MatMul', ['x', 't'])],
    ['behind a transpose', random(8, 8), (b) => b.op('MatMul', ['x', b.transpose('t', [1, 0])])],
    ['as a bias', random(8), (b) => b.op('Add', [b.op('MatMul', ['x', 'x']), 't'])],
    ['as the bias of one output', random(1), (b) => b.op('Add', [b.op('MatMul', ['x', 'x']), 't'])],
    [
      'as fresh gains',
      float32([8], new Float32Array(8).fill(1)),
      (b) => b.op('LayerNormalization', ['x', 't']),
    ],
    ['as an embedding', random(9, 8), (b) => b.op('Gather', ['t', b.ints([1, 2])])],
    ['added to the input, as positions are', random(4, 8), (b) => b.op('Add', ['x', 't'])],
  ])('%s', (_, tensor, body) => {
    expect(roleOf(tensor, body)).toEqual({ kind: 'weight' });
  });
});

const angles = Array.from({ length: 4 }, (_, p) =>
  Array.from({ length: 4 }, (_, i) => p / 10 ** (i / 4)),
).flat();
const inRows = (of: (angle: number) => number[]): number[] =>
  [0, 1, 2, 3].flatMap((p) => {
    const row = angles.slice(4 * p, 4 * p + 4).map(of);
    return [...row.map(([first = 0]) => first), ...row.map(([, second = 0]) => second)];
  });

test('weights of keys and values are weights, where attention is one node', () => {
  const graph = graphOf((b) => {
    const [q, k, v] = ['q', 'k', 'v'].map((name) => b.op('MatMul', ['x', b.initializer(name, random(8, 8))]));
    const rows = [q, k, v].map((value) => b.op('Unsqueeze', [value, b.ints([0])]));
    const heads = { q_num_heads: int(2), kv_num_heads: int(2) };
    return b.op('Squeeze', [b.op('Attention', rows, heads), b.ints([0])]);
  });
  expect([...importGraph(graph).weights.keys()]).toEqual(['q', 'k', 'v']);
});

test('a weight that only the branch of an If reads is a weight', () => {
  const inner = (opType: string, inputs: string[], output: string): Node => ({
    name: output,
    opType,
    inputs,
    outputs: [output],
    attributes: {},
  });
  const branch = (...nodes: Node[]) =>
    ({ type: 'graph', value: { inputs: [], outputs: ['z'], nodes } satisfies Body }) as const;
  const graph = graphOf((b) => {
    b.initializer('t', random(8, 8));
    b.initializer('bias', random(8));
    b.initializer('huge', float32([], [1e5]));
    const condition = b.op('Less', [b.op('ReduceMax', ['x'], { keepdims: int(0) }), 'huge']);
    return b.op('If', [condition], {
      then_branch: branch(inner('MatMul', ['x', 't'], 'm'), inner('Add', ['m', 'bias'], 'z')),
      else_branch: branch(inner('Tanh', ['x'], 'z')),
    });
  });
  const { weights, roles } = importGraph(graph);
  expect([...weights.keys()]).toEqual(['t', 'bias']);
  expect(roles.get('huge')?.kind).toBe('unreached');
});

describe('a float tensor is a constant', () => {
  const add = (b: GraphBuilder): string => b.op('Add', [b.op('Relu', ['x']), 't']);
  test.each<[string, Tensor, (b: GraphBuilder) => string, RegExp]>([
    ['√2', float32([], [Math.SQRT2]), (b) => b.op('Div', ['x', 't']), /single number/],
    ['an ε', float32([1], [1e-5]), (b) => b.op('Sqrt', [b.op('Add', ['x', 't'])]), /single number/],
    ['a mask of −∞', float32([2, 2], [0, Number.NEGATIVE_INFINITY, 0, 0]), add, /infinite or huge/],
    ['a mask of −65504', float32([2, 2], [0, -65504, 0, 0]), add, /infinite or huge/],
    [
      'a mask of −10000',
      float32(
        [4, 8],
        Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? -10000 : 0)),
      ),
      add,
      /two values only/,
    ],
    ['positions', float32([8], [0, 1, 2, 3, 4, 5, 6, 7]), add, /even steps/],
    [
      'sines and cosines of positions',
      float32(
        [4, 8],
        inRows((a) => [Math.sin(a), Math.cos(a)]),
      ),
      add,
      /sines and cosines/,
    ],
    ['zeros to begin with', float32([1, 4, 8], new Float32Array(32)), add, /alike/],
    [
      'the mean of pixels',
      float32([1, 8], [0.48, 0.45, 0.4, 0.41, 0.42, 0.43, 0.44, 0.49]),
      (b) => b.op('Sub', ['x', 't']),
      /scales or shifts an input/,
    ],
    [
      'frequencies',
      float32(
        [8],
        Array.from({ length: 8 }, (_, i) => 10 ** (-i / 8)),
      ),
      (b) => b.op('Cos', [b.op('Mul', ['x', 't'])]),
      /frequencies/,
    ],
  ])('%s', (_, tensor, body, reason) => {
    expect(roleOf(tensor, body)).toEqual({ kind: 'constant', reason: expect.stringMatching(reason) });
  });

  test('two that are cosines and sines of the same angles', () => {
    const graph = graphOf((b) => {
      b.initializer('cos', float32([4, 4], angles.map(Math.cos)));
      b.initializer('sin', float32([4, 4], angles.map(Math.sin)));
      return b.op('Add', [b.op('Mul', ['x', 'cos']), b.op('Mul', ['x', 'sin'])]);
    });
    const { roles, weights } = importGraph(graph);
    expect([...roles.values()].map(({ kind }) => kind)).toEqual(['constant', 'constant']);
    expect(weights.size).toBe(0);
    expect([...importGraph(graph, { weights: ['cos'] }).weights.keys()]).toEqual(['cos']);
  });
});

describe('a tensor stays as it is', () => {
  test('where it holds integers', () => {
    expect(roleOf(int64([1], [8]), (b) => b.op('Reshape', ['x', 't']))).toEqual({ kind: 'not-float' });
  });
  test('where no output depends on it', () => {
    expect(roleOf(random(8), () => 'x')).toEqual({ kind: 'unreached', reason: 'no output depends on it' });
  });
  test('where an operator without derivative is in between, which is named', () => {
    const less = (b: GraphBuilder): string =>
      b.op('Cast', [b.op('Less', ['x', b.op('Mul', ['t', 't'])], {}, 'cut')], { to: int(1) });
    expect(roleOf(random(8), less)).toEqual({
      kind: 'unreached',
      reason: 'Less "cut" has no derivative in it',
    });
  });
  test('where only another output depends on it', () => {
    const graph = graphOf((b) => {
      b.initializer('t', random(8));
      b.op('Add', [b.op('Relu', ['x']), 't'], {}, 'z');
      return 'x';
    });
    const two = {
      ...graph,
      outputs: [...graph.outputs, { name: 'z', dtype: 'float32', shape: [8] } as const],
    };
    expect(importGraph(two).roles.get('t')?.kind).toBe('weight');
    expect(importGraph(two, { outputs: ['y'] }).roles.get('t')?.kind).toBe('unreached');
  });
});

test('Constant nodes may hold weights', () => {
  const graph = graphOf((b) => {
    b.op('Constant', [], { value: { type: 'tensor', value: random(8, 8) } }, 'w');
    return b.op('MatMul', ['x', 'w']);
  });
  expect([...importGraph(graph).weights.keys()]).toEqual(['w']);
});

describe('16-bit graphs', () => {
  // 1, −2, 0.5 and the smallest normal number, by IEEE 754 and by the first half of float32.
  test.each<[DType & ('float16' | 'bfloat16'), number[], number[]]>([
    ['float16', [0x3c00, 0xc000, 0x3800, 0x0400], [1, -2, 0.5, 2 ** -14]],
    ['bfloat16', [0x3f80, 0xc000, 0x3f00, 0x0080], [1, -2, 0.5, 2 ** -126]],
  ])('%s becomes float32: weights, constants, casts, inputs and outputs', (dtype, bits, values) => {
    const builder = new GraphBuilder();
    const tensor: Tensor = { dtype, shape: [4], data: Uint16Array.from(bits) };
    builder.input({ name: 'x', dtype, shape: ['batch', 4] });
    builder.initializer('w', tensor);
    const wide = builder.op('Cast', [builder.op('Relu', ['x'])], { to: int(1) });
    const narrow = builder.op('Cast', [wide], { to: int(elementTypeNumber(dtype)) });
    builder.op('Constant', [], { value: { type: 'tensor', value: tensor } }, 'c');
    builder.op('Mul', [builder.op('Add', [narrow, 'w']), 'c'], {}, 'y');
    const file = builder.build('half', [{ name: 'y', dtype, shape: ['batch', 4] }]);
    const { graph, weights, stored } = importGraph(file);
    expect([...weights]).toEqual([
      ['w', float32([4], values)],
      ['c', float32([4], values)],
    ]);
    expect([...stored]).toEqual([
      ['w', tensor],
      ['c', tensor],
    ]);
    expect([...graph.inputs, ...graph.outputs].map((info) => info.dtype)).toEqual(['float32', 'float32']);
    for (const { attributes } of graph.nodes) expect(attributes['to'] ?? int(1)).toEqual(int(1));
  });
});

test('no scalar, whatever its value, and no matrix of random numbers is taken for the other', () => {
  fc.assert(
    fc.property(
      fc.float({ noNaN: true, min: -100, max: 100 }),
      fc.integer({ min: 2, max: 6 }),
      (value, rows) => {
        expect(roleOf(float32([], [value]), (b) => b.op('Mul', ['x', 't']))?.kind).toBe('constant');
        const data = Float32Array.from({ length: rows * 8 }, (_, i) =>
          Math.fround(Math.sin(value + 78.233 * i * i)),
        );
        expect(
          roleOf(float32([rows, 8], data), (b) => b.op('MatMul', [b.transpose('x', [1, 0]), 't']))?.kind,
        ).toBe('weight');
      },
    ),
  );
});
