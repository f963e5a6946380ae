import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementTypes } from '../../src/graph/element-types.ts';
import type { Attribute, Graph } from '../../src/graph/graph.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import {
  bytesPerElement,
  float32,
  fromBytes,
  int64,
  isDType,
  sizeOf,
  type Tensor,
} from '../../src/tensor.ts';
import { instantiate } from '../gradcheck/spec.ts';
import { specs } from '../gradcheck/specs.ts';

/** The graph without the types that `specialize` adds: what a file holds. */
const plain = ({ name, inputs, outputs, initializers, nodes }: Graph): Graph => ({
  name,
  inputs,
  outputs,
  initializers,
  nodes,
});

const roundTrip = (graph: Graph): Graph => decodeModel(encodeModel(graph), { source: 'm.onnx' });

const nothing: Graph = { name: 'g', inputs: [], outputs: [], initializers: new Map(), nodes: [] };

describe('decoding what was encoded gives the same graph', () => {
  test.each(specs)('$op: $about', (spec) => {
    const graph = plain(instantiate(spec, 'float32').graph);
    expect(roundTrip(graph)).toEqual(graph);
  });

  const attributes: readonly Attribute[] = [
    { type: 'int', value: -7 },
    { type: 'int', value: 2 ** 63 },
    { type: 'int', value: -(2 ** 63) },
    { type: 'ints', value: [3, -1, 2 ** 40, 2 ** 63] },
    { type: 'ints', value: [] },
    { type: 'float', value: 0.5 },
    { type: 'float', value: Number.NEGATIVE_INFINITY },
    { type: 'floats', value: [0.25, -1, Number.NaN] },
    { type: 'string', value: 'größer → ≥' },
    { type: 'string', value: '' },
    { type: 'strings', value: ['a', '', 'β'] },
    { type: 'tensor', value: float32([2], [1, 2]) },
    { type: 'tensor', value: int64([], [-1]) },
  ];
  test.each(attributes)('attribute of type $type: $value', (attribute) => {
    const node = { name: 'n', opType: 'Op', inputs: [], outputs: ['y'], attributes: { a: attribute } };
    const graph = { ...nothing, nodes: [node] };
    expect(roundTrip(graph)).toEqual(graph);
  });

  test('a whole attribute is no float: 1 and 1.0 stay different', () => {
    const attributes = { a: { type: 'int', value: 1 }, b: { type: 'float', value: 1 } } as const;
    const graph = {
      ...nothing,
      nodes: [{ name: 'n', opType: 'Op', inputs: [], outputs: ['y'], attributes }],
    };
    expect(roundTrip(graph).nodes[0]?.attributes).toEqual(attributes);
  });

  test('inputs and outputs with named dimensions, optional inputs and outputs left out', () => {
    const graph: Graph = {
      name: 'named',
      inputs: [
        { name: 'x', dtype: 'float32', shape: ['batch', 'sequence', 8] },
        { name: 'mask', dtype: 'bool', shape: ['batch', 'sequence'] },
        { name: 'scalar', dtype: 'int32', shape: [] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['batch', 0] }],
      initializers: new Map(),
      nodes: [
        { name: '', opType: 'A', inputs: ['x', '', 'scalar'], outputs: ['h', '', 's'], attributes: {} },
        { name: 'b', opType: 'B', inputs: ['h', 'h', 'mask'], outputs: ['y'], attributes: {} },
      ],
    };
    expect(roundTrip(graph)).toEqual(graph);
  });
});

describe('initializers', () => {
  const anyTensor: fc.Arbitrary<Tensor> = fc
    .record({
      dtype: fc.constantFrom(...elementTypes.values()),
      shape: fc.array(fc.nat(3), { maxLength: 3 }),
    })
    .chain(({ dtype, shape }) => {
      const length = sizeOf(shape) * bytesPerElement(dtype);
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((bytes) => fromBytes(dtype, shape, dtype === 'bool' ? bytes.map((byte) => byte & 1) : bytes));
    });

  test('of every element type keep every bit', () => {
    expect([...elementTypes.values()].every(isDType)).toBe(true);
    fc.assert(
      fc.property(fc.array(anyTensor, { minLength: 1, maxLength: 4 }), (tensors) => {
        const initializers = new Map(tensors.map((tensor, i) => [`t${i}`, tensor]));
        const read = roundTrip({ ...nothing, initializers }).initializers;
        for (const [name, { dtype, shape, data }] of initializers) {
          const got = read.get(name)!;
          expect({ dtype: got.dtype, shape: got.shape }).toEqual({ dtype, shape });
          expect(bits(got)).toEqual(bits({ data }));
        }
      }),
      { seed: 1 },
    );
  });

  test('in shared memory and in the middle of a buffer are written as they are', () => {
    const shared = new Float32Array(new SharedArrayBuffer(12)).subarray(1);
    shared.set([1.5, -2]);
    const graph = { ...nothing, initializers: new Map([['w', float32([2], shared)]]) };
    expect(roundTrip(graph).initializers.get('w')).toEqual(float32([2], [1.5, -2]));
  });

  test('from a Buffer of Node at any offset', () => {
    const graph = { ...nothing, initializers: new Map([['w', float32([3], [1, 2, 3])]]) };
    const bytes = encodeModel(graph);
    for (let offset = 0; offset < 8; offset++) {
      const buffer = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      expect(decodeModel(buffer, { source: 'm.onnx' })).toEqual(graph);
    }
  });

  test('the same graph gives the same bytes', () => {
    const { graph } = instantiate(specs[0]!, 'float32');
    expect(encodeModel(graph)).toEqual(encodeModel(roundTrip(graph)));
  });
});

const bits = ({ data }: Pick<Tensor, 'data'>): readonly number[] => [
  ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
];
