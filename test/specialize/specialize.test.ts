import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { type Dim, type Graph, int, type Node } from '../../src/graph/graph.ts';
import { bindDimensions, specialize } from '../../src/specialize/specialize.ts';
import { float32, int64, type TensorType, zeros } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';

/** A graph over `x` of the given shape, whose output is the value that `body` returns. */
function graphOf(shape: readonly Dim[], body: (b: GraphBuilder) => string): Graph {
  const b = new GraphBuilder();
  b.input({ name: 'x', dtype: 'float32', shape });
  const output = body(b);
  return b.build('g', [{ name: output, dtype: 'float32', shape: [] }]);
}

const bound = (
  graph: Graph,
  dims: Readonly<Record<string, number>> = {},
  variables: readonly string[] = [],
) => specialize(graph, { dims, variables: new Set(variables) });

const opTypes = (nodes: readonly Node[]): readonly string[] => nodes.map(({ opType }) => opType);

/** Shape → Gather → Concat → Reshape: how exporters write `x.reshape(x.shape[0], -1, 2)`. */
const reshapeBySize = graphOf(['batch', 'sequence', 8], (b) => {
  const batch = b.op('Gather', [b.op('Shape', ['x']), b.ints([0])]);
  const target = b.op('Concat', [batch, b.ints([-1]), b.ints([2])], { axis: int(0) });
  return b.op('Reshape', ['x', target]);
});

describe('dimensions', () => {
  test('get their numbers, and every value its type', () => {
    const graph = bound(reshapeBySize, { batch: 3, sequence: 5 });
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [3, 5, 8] }]);
    expect(graph.outputs).toEqual([{ name: 'Reshape_0', dtype: 'float32', shape: [3, 20, 2] }]);
    expect(graph.types.get('x')).toMatchObject({ dtype: 'float32', shape: [3, 5, 8] });
  });

  test('without a number are named in the error', () => {
    expect(failure(() => bound(reshapeBySize, { batch: 3, length: 5 }))).toBe(
      'graph/shape: input "x": expected a number for its dimension "sequence", got only batch, length',
    );
    expect(failure(() => bound(reshapeBySize))).toBe(
      'graph/shape: input "x": expected a number for its dimension "batch", got only none',
    );
  });

  test('are read off the tensors to be fed', () => {
    const b = new GraphBuilder();
    b.input({ name: 'ids', dtype: 'int64', shape: ['batch', 'sequence'] });
    b.input({ name: 'mask', dtype: 'int64', shape: ['batch', 4] });
    const graph = b.build('g', []);
    const feeds = (ids: readonly number[], mask: readonly number[]): ReadonlyMap<string, TensorType> =>
      new Map([
        ['ids', { dtype: 'int64', shape: ids }],
        ['mask', { dtype: 'int64', shape: mask }],
      ]);
    expect(bindDimensions(graph, feeds([2, 7], [2, 4]))).toEqual({ batch: 2, sequence: 7 });
    expect(failure(() => bindDimensions(graph, feeds([2, 7], [3, 4])))).toBe(
      'graph/shape: input "mask": expected a tensor of shape [batch=2, 4], got [3, 4]',
    );
    expect(failure(() => bindDimensions(graph, feeds([2, 7, 1], [2, 4])))).toBe(
      'graph/shape: input "ids": expected a tensor of shape [batch=?, sequence=?], got [2, 7, 1]',
    );
    expect(failure(() => bindDimensions(graph, new Map()))).toContain('input "ids"');
  });
});

describe('what is known at compile time', () => {
  test('leaves one constant of a chain of shape arithmetic', () => {
    const graph = bound(reshapeBySize, { batch: 3, sequence: 5 });
    expect(opTypes(graph.nodes)).toEqual(['Reshape']);
    expect([...graph.initializers]).toEqual([[graph.nodes[0]?.inputs[1], int64([3], [3, -1, 2])]]);
  });

  test('is computed in the graph of a mask that depends on shapes only', () => {
    const graph = bound(
      graphOf(['n', 2], (b) => {
        const n = b.op('Squeeze', [b.op('Gather', [b.op('Shape', ['x']), b.ints([0])])]);
        const zero = b.initializer('zero', int64([], [0]));
        const one = b.initializer('one', int64([], [1]));
        const rows = b.op('Unsqueeze', [b.op('Range', [zero, n, one]), b.ints([1])]);
        const seen = b.op('Less', [rows, b.initializer('limit', int64([], [2]))]);
        return b.op('Where', [seen, 'x', b.initializer('off', float32([], [0]))]);
      }),
      { n: 4 },
    );
    expect(opTypes(graph.nodes)).toEqual(['Where']);
    const [mask = ''] = graph.nodes[0]?.inputs ?? [];
    expect(graph.initializers.get(mask)).toEqual({
      dtype: 'bool',
      shape: [4, 1],
      data: Uint8Array.of(1, 1, 0, 0),
    });
  });

  test('does not include the variables, nor what is made of them', () => {
    const weights = graphOf([2], (b) => {
      const w = b.initializer('w', float32([2], [1, 2]));
      const c = b.initializer('c', float32([2], [3, 4]));
      return b.op('Add', ['x', b.op('Mul', [b.op('Neg', [w]), b.op('Neg', [c])])]);
    });
    expect(opTypes(bound(weights, {}, ['w']).nodes)).toEqual(['Neg', 'Mul', 'Add']);
    expect(opTypes(bound(weights).nodes)).toEqual(['Add']);
    expect([...bound(weights, {}, ['w']).initializers.keys()].sort()).toEqual(['Neg_1', 'w']);
  });

  test('is left to be computed when the graph runs where it is large', () => {
    const large = graphOf([1], (b) => {
      const row = b.initializer('row', zeros('float32', [1]));
      return b.op('Add', ['x', b.op('Expand', [row, b.ints([1000, 1000])])]);
    });
    expect(opTypes(bound(large).nodes)).toEqual(['Expand', 'Add']);
  });

  test('is all that the outputs need of the initializers', () => {
    const graph = bound(
      graphOf([2], (b) => {
        b.op('Neg', [b.initializer('unused', float32([2], [1, 2]))]);
        b.op('Exp', ['x']);
        return b.op('Neg', ['x'], {}, 'y');
      }),
    );
    expect(opTypes(graph.nodes)).toEqual(['Neg']);
    expect([...graph.initializers.keys()]).toEqual([]);
  });
});

describe('refusals', () => {
  test('a shape that depends on the data', () => {
    const graph = graphOf([4], (b) => {
      b.input({ name: 'shape', dtype: 'int64', shape: [2] });
      return b.op('Reshape', ['x', 'shape']);
    });
    expect(failure(() => bound(graph))).toBe(
      'graph/shape: Reshape "Reshape_0", input "shape": expected a value that is known at compile time, since it decides a shape, got one that depends on the data',
    );
  });

  const misfits: readonly [string, (b: GraphBuilder) => string, string][] = [
    [
      'shapes that do not broadcast',
      (b) => b.op('Add', ['x', b.initializer('w', zeros('float32', [4]))], {}, 'y'),
      'graph/shape: Add "y": expected shapes that broadcast, got [2,3] and [4]',
    ],
    [
      'element types that differ',
      (b) => b.op('Add', ['x', b.initializer('w', int64([], [1]))], {}, 'y'),
      'graph/shape: Add "y": expected two inputs of one element type, got float32 and int64',
    ],
    [
      'matrices that do not fit',
      (b) => b.op('MatMul', ['x', 'x'], {}, 'y'),
      'graph/shape: MatMul "y": expected matrices that fit, got [2,3] and [2,3]',
    ],
    [
      'a C of Gemm that would widen the product',
      (b) => {
        const w = b.initializer('w', zeros('float32', [3, 1]));
        return b.op('Gemm', ['x', w, b.initializer('c', zeros('float32', [2, 5]))], {}, 'y');
      },
      'graph/shape: Gemm "y": expected C that broadcasts to [2, 1], got [2,5]',
    ],
    [
      'a scale of another size',
      (b) => b.op('LayerNormalization', ['x', b.initializer('g', zeros('float32', [2]))], {}, 'y'),
      'graph/shape: LayerNormalization "y": expected scale shape [3], got [2]',
    ],
    [
      'sizes that do not add up',
      (b) => b.op('Split', ['x', b.ints([1, 1])], { axis: int(1) }, 'y'),
      'graph/shape: Split "y": expected sizes that add up to 3, got [1,1]',
    ],
    [
      'another number of elements',
      (b) => b.op('Reshape', ['x', b.ints([4, -1])], {}, 'y'),
      'graph/shape: Reshape "y": expected a shape of 6 elements, as [2,3] has, got [4,1.5]',
    ],
    [
      'an axis that the rank lacks',
      (b) => b.op('Softmax', ['x'], { axis: int(2) }, 'y'),
      'graph/shape: Softmax "y": expected an axis within [-2, 1], got 2',
    ],
    [
      'an attribute of another type',
      (b) => b.op('Softmax', ['x'], { axis: { type: 'float', value: 1 } }, 'y'),
      'graph/invalid: Softmax "y", attribute "axis": expected int, got float',
    ],
    [
      'an input left out',
      (b) => b.op('Add', ['x', undefined], {}, 'y'),
      'graph/invalid: Add "y": expected input 1, got none',
    ],
    [
      'an unknown operator',
      (b) => b.op('LayerNormalisation', ['x'], {}, 'y'),
      'graph/operator: LayerNormalisation "y": expected an operator that gspf knows, got LayerNormalisation. Did you mean "LayerNormalization"?',
    ],
  ];
  test.each(misfits)('%s', (_, body, message) => {
    expect(failure(() => bound(graphOf([2, 3], body)))).toBe(message);
  });
});

describe('an absurd extent is refused before anything of its size is reserved', () => {
  const huge = 2 ** 52;
  test.each<[string, (b: GraphBuilder) => string]>([
    ['ConstantOfShape', (b) => b.op('ConstantOfShape', [b.ints([2 ** 40, 2 ** 40])])],
    ['Expand', (b) => b.op('Expand', ['x', b.ints([huge, 8])])],
    ['Tile', (b) => b.op('Tile', ['x', b.ints([huge, 8])])],
    ['Pad', (b) => b.op('Pad', ['x', b.ints([huge, huge, 0, 0])])],
    ['Pad', (b) => b.op('Pad', ['x', b.ints([-4, 0, -4, 0])])],
    ['Resize', (b) => b.op('Resize', ['x', undefined, undefined, b.ints([huge, huge])])],
    ['OneHot', (b) => b.op('OneHot', [b.ints([0]), b.ints([huge * 2]), b.ints([0, 1])])],
  ])('%s (%#)', (opType, body) => {
    expect(failure(() => bound(graphOf([2, 8], body)))).toMatch(new RegExp(`^graph/shape: ${opType} "`));
  });

  test('also where an input is that large', () => {
    const graph = graphOf([huge, huge], (b) => b.op('Flatten', ['x']));
    expect(failure(() => bound(graph))).toMatch(/^graph\/shape: Flatten "/);
  });
});
