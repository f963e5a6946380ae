import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { info, modelBytes } from '../onnx/models.ts';
import { fixture, gspf, temporaryFolder } from './terminal.ts';

test('a sound model and machine pass, line by line aligned', async () => {
  const { status, stdout } = await gspf(['doctor', '--model', fixture('tiny')]);
  expect(status).toBe(0);
  // 41 tensors, by the README of the fixtures.
  expect(stdout).toMatch(/^ok {4}tensors {6}41 with [\d,]+ weights in float32$/m);
  expect(stdout).toContain('labels borlish, flimmy, neither');
  expect(stdout).toContain(
    'bert.encoder.layer.0.attention.self.key.bias and 1 more like it: zero by construction',
  );
});

test('the cache of the hub is described by its variables, and the token is not shown', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'hub', 'models--acme--tiny'), { recursive: true });
  const env = {
    HF_HOME: folder,
    HF_TOKEN: 'hf_secret',
    HF_HUB_OFFLINE: '1',
    HF_ENDPOINT: 'http://mirror.example',
  };
  const { stdout } = await gspf(['doctor'], { env });
  expect(stdout).toContain(
    `http://mirror.example, not asked as HF_HUB_OFFLINE is set; 1 model in ${join(folder, 'hub')}; a token`,
  );
  expect(stdout).not.toContain('hf_secret');
});

test('a broken model fails with what to do, in text and in JSON', async () => {
  const model = join(temporaryFolder(), 'model');
  cpSync(fixture('tiny'), model, { recursive: true });
  writeFileSync(join(model, 'config.json'), '{"model_type":"brt"}');
  const { status, stdout } = await gspf(['doctor', '--model', model]);
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /^fail {2}model .*expected a model_type among .*bert.*, got "brt"\n {19}Did you mean "bert"\?$/m,
  );
  const { ok, checks } = JSON.parse((await gspf(['doctor', '--model', model, '--json'])).stdout);
  expect([ok, checks.at(-1).status]).toEqual([false, 'fail']);
});

describe('an ONNX file', () => {
  const bytes = (values: readonly number[]) => new Uint8Array(Float32Array.from(values).buffer);
  const weight = { name: 'w', dataType: 1, dims: [2n, 3n], rawData: bytes([1, 2, 3, 4, 5, 6.5]) };
  const turned = {
    name: 'onnx::MatMul_7',
    dataType: 1,
    dims: [3n, 2n],
    rawData: bytes([1, 4, 2, 5, 3, 6.5]),
  };
  const root = { name: 'val_3', dataType: 1, dims: [], rawData: bytes([Math.SQRT2]) };
  const file = (node: object[]): string => {
    const path = join(temporaryFolder(), 'their.onnx');
    const graph = {
      input: [info('x', 'float32', [1, 2])],
      output: [info('y', 'float32', [1, 2])],
      initializer: [weight, turned, root],
      node,
    };
    writeFileSync(path, modelBytes(graph, {}));
    return path;
  };
  const product = [
    { name: 'first', opType: 'MatMul', input: ['x', 'w'], output: ['h'] },
    { name: 'scale', opType: 'Div', input: ['h', 'val_3'], output: ['s'] },
    { name: 'second', opType: 'MatMul', input: ['s', 'onnx::MatMul_7'], output: ['y'] },
  ];

  test('is told in a table: what would be trained, what is tied, what is left alone', async () => {
    const { status, stdout } = await gspf(['doctor', file(product)]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^input +x: float32\[1, 2\]$/m);
    expect(stdout).toMatch(/^w +float32\[2, 3\] +6 +50 %$/m);
    expect(stdout).toMatch(/^2 tensors +12$/m);
    expect(stdout).toMatch(/^Tied .*\n {2}onnx::MatMul_7 {2}w, transposed$/m);
    expect(stdout).toMatch(/Left alone, as constants:\n {2}1 {2}a single number {2}val_3 \[\]$/m);
  });

  test('with operators that others take the place of passes', async () => {
    const like = { name: 'l', opType: 'CastLike', input: ['x', 'w'], output: ['x2'] };
    const first = { ...product[0]!, input: ['x2', 'w'] };
    const { status, stdout } = await gspf(['doctor', file([like, first, ...product.slice(1)]), '--json']);
    expect([status, JSON.parse(stdout).refused]).toEqual([0, []]);
  });

  test('with operators that gspf lacks is told whole, and fails', async () => {
    const fused = { name: 'f', opType: 'NoSuchFused', domain: 'com.example', input: ['x'], output: ['h'] };
    const path = file([fused, { name: 'n', opType: 'NoSuch', input: ['h'], output: ['s'] }, product[2]!]);
    const { status, stdout } = await gspf(['doctor', path, '--json']);
    const { ok, refused, weights, opset } = JSON.parse(stdout);
    expect([status, ok, opset, weights.length]).toEqual([1, false, 17, 1]);
    expect(refused).toEqual([
      expect.stringMatching(
        /NoSuchFused "f": expected an operator of ONNX's own domain, or one that gspf can replace, got domain "com.example"/,
      ),
      'NoSuch "n": gspf lacks this operator',
    ]);
  });
});
