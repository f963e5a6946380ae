import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Tensor } from '../../src/tensor.ts';
import { sharedPath } from '../data/shared-files.ts';
import { norm, relativeError } from '../numbers.ts';
import { gspf, temporaryFolder } from './terminal.ts';

const LIMIT = 1e-4;
const decode = (path: string) => decodeSafetensors(readFileSync(path), path).tensors;

describe('gspf gradients', () => {
  const folder = sharedPath('gradparity/bert-token-classification');
  test.skipIf(folder === undefined)("equals PyTorch's float64 gradients of an exported BERT", async () => {
    const out = join(temporaryFolder(), 'grads.safetensors');
    const expectedPath = join(folder!, 'expected.safetensors');
    const words = [
      '--inputs',
      join(folder!, 'inputs.safetensors'),
      '--cotangents',
      expectedPath,
      '--out',
      out,
    ];
    const { status, stderr } = await gspf(['gradients', join(folder!, 'model.onnx'), ...words]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const got = decode(out);
    const meta = JSON.parse(readFileSync(join(folder!, 'meta.json'), 'utf8'));
    const norms = Object.values<number>(meta.gradient_norms).sort((a, b) => a - b);
    const floor = LIMIT * norms[Math.floor(norms.length / 2)]!;
    const wanted = [...decode(expectedPath)].filter(([name]) => !name.startsWith('cotangent/'));
    expect(wanted.length).toBeGreaterThan(39);
    const misses = wanted.flatMap(([name, tensor]) => {
      const isZero = meta.zero_gradient.includes(name.replace(/^grad\//, ''));
      const off = isZero ? norm(got.get(name)) : relativeError(got.get(name), tensor);
      return off <= (isZero ? floor : LIMIT) ? [] : [`${name}: ${off}`];
    });
    expect(misses).toEqual([]);
    for (const [name, tensor] of wanted) expect(got.get(name)!.shape).toEqual(tensor.shape);
  });

  // y = x·w: ∂/∂w = xᵀ·ȳ, ∂/∂x = ȳ·wᵀ, by hand.
  const x = float32([1, 2], [1, 2]);
  const w = float32([2, 2], [3, 4, 5, 6]);
  const cotangent = float32([1, 2], [10, 100]);
  function product(inputs: Record<string, Tensor>, cotangents: Record<string, Tensor>): string[] {
    const folder = temporaryFolder();
    const builder = new GraphBuilder();
    builder.input({ name: 'x', dtype: 'float32', shape: [1, 2] });
    builder.input({ name: 'w', dtype: 'float32', shape: [2, 2] });
    builder.op('MatMul', ['x', 'w'], {}, 'y');
    const graph = builder.build('product', [{ name: 'y', dtype: 'float32', shape: [1, 2] }]);
    const weighted = { ...graph, inputs: graph.inputs.slice(0, 1), initializers: new Map([['w', w]]) };
    const file = (name: string): string => join(folder, name);
    const model = encodeModel(specialize(weighted, { dims: {}, variables: new Set(['w']) }));
    writeFileSync(file('model.onnx'), model);
    writeFileSync(file('in'), encodeSafetensors(Object.entries(inputs)));
    writeFileSync(file('ct'), encodeSafetensors(Object.entries(cotangents)));
    return [
      'gradients',
      file('model.onnx'),
      '--inputs',
      file('in'),
      '--cotangents',
      file('ct'),
      '--out',
      file('out'),
    ];
  }

  test.each(['y', 'cotangent/y'])('takes the cotangent %s; other keys are ignored', async (key) => {
    const words = product({ x }, { [key]: cotangent, other: x });
    expect((await gspf([...words, '--wrt-inputs'])).status).toBe(0);
    const result = [...decode(words.at(-1)!)].map(([name, { shape, data }]) => [
      name,
      shape,
      [...data].map(Number),
    ]);
    expect(Object.fromEntries(result.map(([name, ...rest]) => [name, rest]))).toEqual({
      'output/y': [
        [1, 2],
        [13, 16],
      ],
      'grad/w': [
        [2, 2],
        [10, 100, 20, 200],
      ],
      'grad_input/x': [
        [1, 2],
        [430, 650],
      ],
    });
  });

  test.each([
    [
      { z: x },
      { y: cotangent },
      'error: input "x": expected a tensor of type float32, got none of that name',
    ],
    [{ x: w }, { y: cotangent }, 'error: input "x": expected a tensor of shape [1, 2], got [2, 2]'],
    [
      { x },
      { z: cotangent },
      'error: cotangents: expected a tensor for at least one output: cotangent/y, got z',
    ],
    [{ x }, { y: w }, 'error: cotangent of "y": expected float32[1, 2], as the output at these inputs'],
  ])('refuses what does not fit (%#)', async (inputs, cotangents, message) => {
    const { status, stderr } = await gspf(product(inputs, cotangents));
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain('[input/data]');
  });
});
