import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

test("an exported .onnx gives PyTorch's logits in plain onnxruntime", async () => {
  const out = join(temporaryFolder(), 'exported');
  const { status } = await gspf(['export', '--model', fixture('tiny'), '--format', 'onnx', '--out', out]);
  expect(status).toBe(0);
  const { tensors } = decodeSafetensors(readFileSync(fixture('expected.safetensors')), 'expected');
  const session = await ort.InferenceSession.create(join(out, 'onnx', 'model.onnx'));
  const feeds = Object.fromEntries(
    ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => {
      const { shape, data } = tensors.get(`0/${name}`)!;
      return [name, new ort.Tensor('int64', BigInt64Array.from(data as Int32Array, BigInt), [...shape])];
    }),
  );
  const { logits } = await session.run(feeds);
  const expected = Array.from(tensors.get('0/logits')!.data, Number);
  const got = Array.from(logits!.data as Float32Array);
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(expected[i]!, 5);
  expect(got).toHaveLength(expected.length);
});

test('exported safetensors predict as the model does', async () => {
  const out = join(temporaryFolder(), 'exported');
  await gspf(['export', '--model', fixture('tiny'), '--out', out]);
  const words = ['predict', '--threads', '1', '--text', 'borl flim', '--model'];
  expect((await gspf([...words, out])).stdout).toBe((await gspf([...words, fixture('tiny')])).stdout);
});

test('a base model has no classifier to write as ONNX', async () => {
  const out = join(temporaryFolder(), 'exported');
  const words = ['export', '--model', fixture('tiny-encoder'), '--format', 'onnx', '--out', out];
  expect((await gspf(words)).stderr).toContain(
    'expected a model with a head, to write as ONNX, got a base model',
  );
});
