import type { MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { TensorProtoSchema } from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { GspfError } from '../../src/errors.ts';
import { elementTypeNumber } from '../../src/graph/element-types.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { bindDimensions, specialize } from '../../src/specialize/specialize.ts';
import { type DType, float32, int64 } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { instantiate } from '../gradcheck/spec.ts';
import { specs } from '../gradcheck/specs.ts';
import { gradientCases } from '../gradparity/cases.ts';
import { decoded, info, modelBytes } from './models.ts';

const type = (dtype: DType) => ({ dataType: elementTypeNumber(dtype), dims: [2n] });
const decode = (bytes: Uint8Array) => decodeModel(bytes, { source: 'm.onnx' });

describe('tensors that are stored as numbers instead of bytes', () => {
  test.each<[DType, MessageInitShape<typeof TensorProtoSchema>, readonly (number | bigint)[]]>([
    ['float32', { floatData: [0.5, -2] }, [0.5, -2]],
    ['float64', { doubleData: [0.1, -2] }, [0.1, -2]],
    ['int32', { int32Data: [-5, 7] }, [-5, 7]],
    ['int16', { int32Data: [-5, 7] }, [-5, 7]],
    ['int8', { int32Data: [-128, 127] }, [-128, 127]],
    ['uint8', { int32Data: [0, 255] }, [0, 255]],
    ['uint16', { int32Data: [0, 65535] }, [0, 65535]],
    ['bool', { int32Data: [1, 0] }, [1, 0]],
    ['float16', { int32Data: [0x3c00, 0xc000] }, [0x3c00, 0xc000]],
    ['bfloat16', { int32Data: [0x3f80, 0xc000] }, [0x3f80, 0xc000]],
    ['int64', { int64Data: [-(2n ** 63n), 3n] }, [-(2n ** 63n), 3n]],
    ['uint32', { uint64Data: [0n, 2n ** 32n - 1n] }, [0, 2 ** 32 - 1]],
    ['uint64', { uint64Data: [0n, 2n ** 64n - 1n] }, [0n, 2n ** 64n - 1n]],
  ])('%s', (dtype, data, values) => {
    const tensor = decoded({ ...type(dtype), ...data });
    expect({ dtype: tensor.dtype, shape: tensor.shape }).toEqual({ dtype, shape: [2] });
    expect([...tensor.data]).toEqual(values);
  });

  test('raw bytes are little-endian', () => {
    const rawData = Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0);
    expect(decoded({ ...type('float32'), rawData })).toEqual(float32([2], [1, -2]));
  });

  test('no elements need no data', () => {
    expect(decoded({ dataType: elementTypeNumber('float32'), dims: [0n, 4n] })).toEqual(float32([0, 4], []));
  });
});

describe('external data', () => {
  const external = (entries: Readonly<Record<string, string>>) => ({
    ...type('float32'),
    dataLocation: 1,
    externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
  });
  const file = new Uint8Array(Float32Array.of(9, 1, 2, 9).buffer);
  const read = (_: string, offset: number, length = file.length) => file.subarray(offset, offset + length);

  test('is read at its offset, with and without a length', () => {
    const expected = float32([2], [1, 2]);
    expect(decoded(external({ location: 'w.bin', offset: '4', length: '8' }), read)).toEqual(expected);
    expect(decoded(external({ location: 'w.bin', offset: '4' }), read)).toEqual(expected);
    expect(decoded(external({ location: 'w.bin' }), read)).toEqual(float32([2], [9, 1]));
  });

  test('asks for the file that the model names', () => {
    const asked: unknown[] = [];
    decoded(external({ location: 'sub/w.bin', offset: '4', length: '8' }), (...call) => {
      asked.push(call);
      return read(...call);
    });
    expect(asked).toEqual([['sub/w.bin', 4, 8]]);
  });

  test('that is cut short, or cannot be read, is an error that names file and tensor', () => {
    expect(failure(() => decoded(external({ location: 'w.bin', offset: '12' }), read))).toBe(
      'input/onnx: m.onnx, tensor "t": expected 8 bytes in "w.bin", got 4',
    );
    expect(failure(() => decoded(external({ location: 'w.bin' })))).toMatch(
      /^input\/onnx: m\.onnx, tensor "t": expected its data in the model file, got external data in "w\.bin"/,
    );
  });
});

describe('files that are damaged or beyond gspf', () => {
  test('other bytes', () => {
    expect(failure(() => decode(new TextEncoder().encode('not a model')))).toBe(
      'input/onnx: m.onnx: expected an ONNX model, got other bytes',
    );
    expect(failure(() => decode(new Uint8Array()))).toBe(
      'input/onnx: m.onnx: expected a model with a graph, got none',
    );
  });

  test('an opset out of range', () => {
    for (const version of [12n, 27n]) {
      const bytes = modelBytes({}, { opsetImport: [{ domain: '', version }] });
      expect(failure(() => decode(bytes))).toMatch(
        new RegExp(`^input/onnx: m\\.onnx: expected an opset from 13 to 26, got ${version}\\.`),
      );
    }
    expect(failure(() => decode(modelBytes({}, { opsetImport: [] })))).toContain('got 0');
  });

  test('an operator of another domain', () => {
    const node = [{ name: 'n', opType: 'Reverb', domain: 'org.example', output: ['y'] }];
    expect(failure(() => decode(modelBytes({ node })))).toMatch(
      /^graph\/operator: m\.onnx, Reverb "n": expected an operator of ONNX's own domain, or one that gspf can replace, got domain "org\.example"/,
    );
  });

  test('data that do not fill the shape, whatever its size', () => {
    const cases = [
      { ...type('float32'), rawData: new Uint8Array(7) },
      { ...type('float32'), floatData: [1] },
      { ...type('int64'), int64Data: [1n, 2n, 3n] },
      { ...type('float32'), dims: [2n ** 52n], floatData: [1] },
    ];
    for (const tensor of cases) {
      expect(failure(() => decoded(tensor))).toMatch(
        /^input\/onnx: m\.onnx, tensor "t": expected (.* elements for shape|extents from 0 up)/,
      );
    }
    expect(failure(() => decoded({ ...type('float32'), dims: [2n ** 40n, 2n ** 40n] }))).toBe(
      'input/onnx: m.onnx, tensor "t": expected extents from 0 up, got [1099511627776,1099511627776]',
    );
    expect(failure(() => decoded({ ...type('float32'), dims: [-1n, -2n], floatData: [1, 2] }))).toBe(
      'input/onnx: m.onnx, tensor "t": expected extents from 0 up, got [-1,-2]',
    );
  });

  test('an element type that gspf lacks', () => {
    expect(failure(() => decoded({ dataType: 8, dims: [1n], stringData: [new Uint8Array(1)] }))).toMatch(
      /^graph\/operator: m\.onnx, tensor "t": expected an element type among float32, .*, got TensorProto\.DataType 8$/,
    );
  });

  test('an input that is no tensor', () => {
    expect(failure(() => decode(modelBytes({ input: [{ name: 'x' }] })))).toBe(
      'input/onnx: m.onnx, "x": expected a tensor, got no type',
    );
  });

  test('a node that reads what nothing makes, and a cycle', () => {
    const reading = (input: string) => [
      { name: 'a', opType: 'Neg', input: [input], output: ['h'] },
      { name: 'b', opType: 'Neg', input: ['h'], output: ['y'] },
    ];
    expect(failure(() => decode(modelBytes({ node: reading('hh') })))).toMatch(
      /^input\/onnx: m\.onnx, input "hh" of Neg "a": expected a graph input, an initializer or the output of a node, got none of that name\./,
    );
    expect(failure(() => decode(modelBytes({ node: reading('y') })))).toMatch(
      /^input\/onnx: m\.onnx, Neg "[ab]": expected a graph without cycles/,
    );
  });

  test('any change or cut of a good file gives a graph or an error of gspf', () => {
    const good = specs
      .filter((_, i) => i % 20 === 0)
      .map((spec) => encodeModel(instantiate(spec, 'float32').graph));
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 3 }),
        fc.nat(2000),
        (bytes, changes, cut) => {
          const damaged = bytes.slice(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0));
          for (const [at, value] of changes) damaged[at % Math.max(damaged.length, 1)] = value;
          try {
            decode(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(GspfError);
          }
        },
      ),
      { seed: 1, numRuns: 3000 },
    );
  });
});

test('nodes in any order are put into one in which they can be computed', () => {
  const node = [
    { name: 'b', opType: 'Neg', input: ['h'], output: ['y'] },
    { name: 'a', opType: 'Neg', input: ['x'], output: ['h'] },
  ];
  const { nodes } = decode(modelBytes({ node, input: [info('x', 'float32', [1])] }));
  expect(nodes.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('an initializer that is listed among the inputs too is no input', () => {
  const graph = decode(
    modelBytes({
      input: [info('x', 'float32', [2]), info('w', 'int64', [2])],
      initializer: [{ name: 'w', ...type('int64'), int64Data: [1n, 2n] }],
    }),
  );
  expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [2] }]);
  expect(graph.initializers.get('w')).toEqual(int64([2], [1, 2]));
});

describe('models exported by PyTorch', () => {
  const cases = gradientCases();
  if (cases.length === 0) test.skip('no exported models', () => {});
  test.each(cases)('$name is read, and refused only for an operator that the table lacks', (exported) => {
    const { graph, inputs, lacking } = exported;
    const typed = () => specialize(graph, { dims: bindDimensions(graph, inputs), variables: new Set() });
    if (lacking.length === 0) expect(typed().nodes.length).toBeGreaterThan(0);
    else expect(failure(typed)).toMatch(new RegExp(`^graph/operator: .* got (${lacking.join('|')})\\b`));
  });
});
