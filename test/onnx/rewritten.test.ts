import { AttributeProto_AttributeType } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Shape, sizeOf, zeros } from '../../src/tensor.ts';
import { draws } from '../gradcheck/spec.ts';
import { relativeError } from '../numbers.ts';
import { info, intAttribute, modelBytes } from './models.ts';

const float = (name: string, f: number) => ({ name, type: AttributeProto_AttributeType.FLOAT, f });
const string = (name: string, value: string) => ({
  name,
  type: AttributeProto_AttributeType.STRING,
  s: new TextEncoder().encode(value),
});

interface Case {
  readonly opType: string;
  readonly opset: bigint;
  readonly about: string;
  readonly shapes: readonly Shape[];
  readonly attribute?: readonly (
    | ReturnType<typeof float>
    | ReturnType<typeof intAttribute>
    | ReturnType<typeof string>
  )[];
}

const image = [2, 6, 3, 2];
const cases: readonly Case[] = [
  { opType: 'Swish', opset: 24n, about: 'the default', shapes: [[2, 3]] },
  { opType: 'Swish', opset: 24n, about: 'alpha', shapes: [[2, 3]], attribute: [float('alpha', 1.5)] },
  { opType: 'RMSNormalization', opset: 23n, about: 'the last axis', shapes: [[2, 3, 4], [4]] },
  {
    opType: 'RMSNormalization',
    opset: 26n,
    about: 'from axis 1 on, epsilon',
    shapes: [
      [2, 3, 4],
      [3, 4],
    ],
    attribute: [intAttribute('axis', 1), float('epsilon', 0.25)],
  },
  {
    opType: 'RMSNormalization',
    opset: 24n,
    about: 'the last two axes',
    shapes: [
      [2, 3, 4],
      [3, 4],
    ],
    attribute: [intAttribute('axis', -2)],
  },
  {
    opType: 'GroupNormalization',
    opset: 18n,
    about: 'scale and bias of each group',
    shapes: [image, [3], [3]],
    attribute: [intAttribute('num_groups', 3)],
  },
  {
    opType: 'GroupNormalization',
    opset: 21n,
    about: 'scale and bias of each channel',
    shapes: [image, [6], [6]],
    attribute: [intAttribute('num_groups', 2), float('epsilon', 0.125)],
  },
  {
    opType: 'GroupNormalization',
    opset: 22n,
    about: 'one axis',
    shapes: [[2, 4, 5], [4], [4]],
    attribute: [intAttribute('num_groups', 2)],
  },
  {
    opType: 'GridSample',
    opset: 16n,
    about: 'bilinear',
    shapes: [image, [2, 2, 2, 2]],
    attribute: [string('mode', 'bilinear')],
  },
  {
    opType: 'GridSample',
    opset: 16n,
    about: 'bicubic',
    shapes: [image, [2, 2, 2, 2]],
    attribute: [string('mode', 'bicubic')],
  },
];

describe('an operator that is read as others computes what onnxruntime computes of the original', () => {
  test.each(cases)('$opType of opset $opset, $about', async ({ opType, opset, shapes, attribute = [] }) => {
    const names = shapes.map((_, i) => `x${i}`);
    const output = { ...info('y', 'float32', []), type: { value: anyShape } };
    const bytes = modelBytes(
      {
        name: 'g',
        node: [{ name: 'n', opType, input: names, output: ['y'], attribute: [...attribute] }],
        input: shapes.map((shape, i) => info(`x${i}`, 'float32', shape)),
        output: [output],
      },
      { opsetImport: [{ domain: '', version: opset }] },
    );
    const feeds = shapes.map((shape, i) => float32(shape, draws(sizeOf(shape), i)));
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const { y: original } = await session.run(
      Object.fromEntries(
        feeds.map(({ data, shape }, i) => [`x${i}`, new ort.Tensor('float32', data, [...shape])]),
      ),
    );
    await session.release();

    const graph = specialize(decodeModel(bytes, { source: 'new.onnx' }), { dims: {}, variables: new Set() });
    const executable = await onnxRuntime().compile(graph);
    const y = zeros('float32', graph.outputs[0]!.shape.map(Number));
    await executable.run(new Map(feeds.map((tensor, i) => [`x${i}`, tensor])), new Map([['y', y]]));
    await executable.release();
    expect(y.shape).toEqual(original!.dims);
    expect(relativeError(y, float32(y.shape, original!.data as Float32Array))).toBeLessThan(1e-6);
  });
});

const anyShape = { case: 'tensorType' as const, value: { elemType: 1 } };
