import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, sizeOf, zeros } from '../../src/tensor.ts';
import { draws } from '../gradcheck/spec.ts';
import { info, intAttribute, intsAttribute, modelBytes } from './models.ts';

const SHAPE = [2, 3, 4];
const x = float32(SHAPE, draws(sizeOf(SHAPE), 1));

const cases = [
  {
    opType: 'ReduceMean',
    about: 'axes and keepdims',
    attribute: [intsAttribute('axes', [-1]), intAttribute('keepdims', 0)],
  },
  { opType: 'ReduceMean', about: 'two axes', attribute: [intsAttribute('axes', [0, 2])] },
  { opType: 'ReduceMean', about: 'no axes', attribute: [] },
  { opType: 'Split', about: 'equal parts', attribute: [intAttribute('axis', 2)], outputs: ['y', 'z'] },
  { opType: 'Softmax', about: 'the default axis', attribute: [] },
];

describe.each([13n, 17n, 18n])(
  'a model of opset %s computes what onnxruntime computes of the original',
  (version) => {
    // From opset 18 on the axes are an input.
    const written = cases.filter(
      ({ attribute }) => version < 18n || attribute.every(({ name }) => name !== 'axes'),
    );
    test.each(written.filter(({ opType }) => version < 18n || opType !== 'Split'))(
      '$opType, $about',
      async ({ opType, attribute, outputs = ['y'] }) => {
        const bytes = modelBytes(
          {
            name: 'g',
            node: [{ name: 'n', opType, input: ['x'], output: outputs, attribute }],
            input: [info('x', 'float32', SHAPE)],
            output: outputs.map((name) => ({
              ...info(name, 'float32', []),
              type: { value: tensorOfAnyShape },
            })),
          },
          { opsetImport: [{ domain: '', version }] },
        );
        const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
        const original = await session.run({ x: new ort.Tensor('float32', x.data, SHAPE) });

        const graph = specialize(decodeModel(bytes, { source: 'old.onnx' }), {
          dims: {},
          variables: new Set(),
        });
        const executable = await onnxRuntime().compile(graph);
        const results = new Map(
          graph.outputs.map(({ name, shape }) => [name, zeros('float32', shape.map(Number))]),
        );
        await executable.run(new Map([['x', x]]), results);
        for (const name of outputs) {
          expect(results.get(name)!.shape).toEqual(original[name]!.dims);
          expect(results.get(name)!.data).toEqual(original[name]!.data);
        }
        await executable.release();
        await session.release();
      },
    );
  },
);

const tensorOfAnyShape = { case: 'tensorType' as const, value: { elemType: 1 } };
