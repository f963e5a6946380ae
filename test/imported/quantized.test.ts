import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Graph, int, type Node } from '../../src/graph/graph.ts';
import { importGraph } from '../../src/imported/import.ts';
import { readOnnx } from '../../src/node/onnx-file.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { readPatch } from '../../src/node/patch-file.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { quantizeRows } from '../../src/quantize/rows.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Tensor, zeros } from '../../src/tensor.ts';
import { writeMails } from '../cli/mails.ts';
import { fixture, gspf, temporaryFolder } from '../cli/terminal.ts';
import { failure } from '../data/failure.ts';

const int8 = (shape: readonly number[], values: readonly number[]): Tensor<'int8'> => ({
  dtype: 'int8',
  shape,
  data: Int8Array.from(values),
});
const op = (opType: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  name: output,
  opType,
  inputs,
  outputs: [output],
  attributes,
});

/** y = x·w of a `w` that is stored in 8 bits. */
const stored = (scale: Tensor, zero: Tensor, attributes: Node['attributes'] = {}): Graph => ({
  name: 'stored',
  inputs: [{ name: 'x', dtype: 'float32', shape: [1, 3] }],
  outputs: [
    { name: 'y', dtype: 'float32', shape: [1, 2] },
    { name: 'w', dtype: 'float32', shape: [3, 2] },
  ],
  initializers: new Map<string, Tensor>([
    ['w/int8', int8([3, 2], [1, -2, 100, 4, -128, 127])],
    ['w/scale', scale],
    ['w/zero', zero],
  ]),
  nodes: [
    op('DequantizeLinear', ['w/int8', 'w/scale', 'w/zero'], 'w', attributes),
    op('MatMul', ['x', 'w'], 'y'),
  ],
});

test.each([
  ['one scale', float32([], [0.07]), int8([], [3]), {}],
  ['scales by column', float32([2], [0.07, 0.3]), int8([2], [3, -1]), { axis: int(1) }],
  ['scales by row', float32([3], [0.07, 0.3, 1]), int8([3], [3, -1, 0]), { axis: int(0) }],
])(
  'a weight stored in 8 bits, %s, is the float that onnxruntime makes of it',
  async (_, scale, zero, axis) => {
    const graph = stored(scale, zero, axis);
    const { weights, quantized, graph: read } = importGraph(graph);
    expect([[...weights.keys()], [...quantized], [...read.initializers.keys()]]).toEqual([
      ['w'],
      [['w', 'int8']],
      ['w'],
    ]);
    const whole = specialize(graph, { dims: {}, variables: new Set(graph.initializers.keys()) });
    const executable = await onnxRuntime().compile(whole);
    const expected = zeros('float32', [3, 2]);
    await executable.run(new Map([['x', float32([1, 3], [1, 2, 3])]]), new Map([['w', expected]]));
    await executable.release();
    expect(weights.get('w')).toEqual(expected);
  },
);

test('scales of blocks are refused by the name of the node', () => {
  const blocks = stored(float32([3, 1], [1, 1, 1]), int8([3, 1], [0, 0, 0]), { block_size: int(2) });
  expect(failure(() => importGraph(blocks))).toBe(
    'graph/operator: DequantizeLinear "w": expected one scale, or one for each index of an axis, got blocks, scales [3,1]',
  );
});

/** Linear layers in the form that quantisers write: weights in 8 bits, what they are multiplied with rounded and back. */
function quantized(graph: Graph): Graph {
  const initializers = new Map(graph.initializers)
    .set('step', float32([], [0.05]))
    .set('zero', int8([], [0]));
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const [x = '', w = ''] = node.inputs;
    const weight = initializers.get(w);
    if (node.opType !== 'Gemm' || weight?.dtype !== 'float32' || weight.shape.length !== 2) return [node];
    const { values, scales } = quantizeRows(weight);
    initializers.delete(w);
    initializers.set(`${w}/int8`, values).set(`${w}/scales`, float32([scales.data.length], scales.data));
    const y = node.outputs[0] ?? '';
    return [
      op('DequantizeLinear', [`${w}/int8`, `${w}/scales`], w, { axis: int(0) }),
      op('QuantizeLinear', [x, 'step', 'zero'], `${y}/int8`),
      op('DequantizeLinear', [`${y}/int8`, 'step', 'zero'], `${y}/rounded`),
      { ...node, inputs: [`${y}/rounded`, w, ...node.inputs.slice(2)] },
    ];
  });
  return { ...graph, initializers, nodes };
}

/** Runs a command that must succeed. */
async function run(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await gspf(words);
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

test('a quantised model is told by doctor, trains, predicts and is exported', async () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  await run('export', '--model', fixture('tiny'), '--format', 'onnx', '--out', at('float'));
  const model = at('float/onnx/quantised.onnx');
  mkdirSync(dirname(model), { recursive: true });
  writeFileSync(model, encodeModel(quantized(await readOnnx(at('float/onnx/model.onnx')))));

  const told = await run('doctor', model);
  expect(told).toMatch(/attention\.self\.query\.weight +int8\[/);
  expect(told).toMatch(/Quantised in the file, trained as float32, .*\n {2}\d+ {2}bert\./);

  const data = ['--task', 'text-classification', '--data', writeMails(folder), '--out', at('run')];
  const training = ['--epochs', '2', '--batch-size', '8', '--threads', '1', '--ratio', '10%', '--head-on'];
  const { nodes } = await readOnnx(model);
  const hidden = nodes.findLast(({ opType }) => opType === 'LayerNormalization')?.outputs[0] ?? '';
  await run('train', '--model', model, ...data, ...training, hidden, '--lr', '1e-3');
  const { tensors } = await readPatch(at('run/patch.safetensors'));
  expect(
    [...tensors.keys()].filter((name) => /query\.weight|dense\.weight/.test(name)).length,
  ).toBeGreaterThan(2);

  const text = ['--text', 'borl flim tavu', '--text', 'nesk'];
  const patched = await run('predict', '--model', model, '--patch', at('run'), ...text);
  const apply = ['patch', 'apply', at('run'), '--model', model, '--out', at('merged')];
  expect((await gspf(apply)).stderr).toMatch(
    /tensor "bert\..*" and \d+ more: expected tensors that the file holds as floats, .*, got int8, .*gspf export --format onnx/s,
  );
  await run('export', '--model', model, '--patch', at('run'), '--format', 'onnx', '--out', at('whole'));
  expect(await run('predict', '--model', at('whole/model.onnx'), ...text)).toBe(patched);
});

test('weights of integer products stay as they are: doctor names them, training and patches leave them', async () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  await run('export', '--model', fixture('tiny'), '--format', 'onnx', '--out', at('float'));
  const model = at('float/onnx/model_quantized.onnx');
  const { integers, weights } = JSON.parse(await run('doctor', model, '--json'));
  const names: string[] = integers.map(({ name }: { name: string }) => name);
  expect(names).toContain('bert.encoder.layer.0.attention.self.query.weight/int8');
  expect(weights.map(({ name }: { name: string }) => name)).not.toContain(names[0]);
  expect(await run('doctor', model)).toMatch(
    /Multiplied or looked up as 8-bit integers, .*\n {2}\d+ {2}\S+int8, /,
  );

  const data = ['--task', 'text-classification', '--data', writeMails(folder), '--out', at('run')];
  const training = ['--epochs', '2', '--batch-size', '8', '--threads', '1', '--ratio', '10%', '--lr', '1e-2'];
  const { nodes, initializers } = await readOnnx(model);
  const hidden = nodes.findLast(({ opType }) => opType === 'LayerNormalization')?.outputs[0] ?? '';
  await run('train', '--model', model, ...data, ...training, '--head-on', hidden);
  const { tensors } = await readPatch(at('run/patch.safetensors'));
  expect([...tensors.keys()].filter((name) => initializers.get(name)?.dtype !== 'float32')).toEqual([
    'head.bias',
    'head.weight',
  ]);
});
