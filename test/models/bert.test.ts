import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import { textEncoder } from '../../src/models/architecture.ts';
import { matchCheckpoint } from '../../src/models/checkpoint.ts';
import {
  classifierGraph,
  classifierParameters,
  withCrossEntropy,
} from '../../src/models/sequence-classification.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, int64, type Tensor, zeros } from '../../src/tensor.ts';
import { norm, relativeError } from '../numbers.ts';

const fixtures = new URL('../fixtures/bert/', import.meta.url);
const bytes = (name: string): Uint8Array => readFileSync(new URL(name, fixtures));
const json = (name: string): unknown => JSON.parse(readFileSync(new URL(name, fixtures), 'utf8'));
const tensorsOf = (name: string) => decodeSafetensors(bytes(name), name).tensors;

/** The tiny classifier, its weights as the graph's feeds. */
function tinyClassifier(directory: string) {
  const encoder = textEncoder(json(`${directory}/config.json`), directory);
  const parameters = classifierParameters(encoder, 3);
  const file = tensorsOf(`${directory}/model.safetensors`);
  const checkpoint = matchCheckpoint(parameters, file, {
    source: directory,
    prefix: encoder.prefix,
    optional: ({ name }) => name.startsWith('classifier.'),
  });
  return { graph: classifierGraph(encoder, 3), parameters, checkpoint };
}

const asInt64 = (tensor: Tensor | undefined, shape?: readonly number[]): Tensor =>
  int64(shape ?? tensor!.shape, Array.from(tensor!.data, Number));

describe('the tiny BERT of test/fixtures/bert', () => {
  const expected = tensorsOf('expected.safetensors');

  test.each([0, 1, 2])('batch %i: logits, loss and every gradient equal those of PyTorch', async (n) => {
    const { graph, parameters, checkpoint } = tinyClassifier('tiny');
    const ids = expected.get(`${n}/input_ids`)!;
    const [batch = 0, sequence = 0] = ids.shape;
    const dims = { batch, sequence };
    const forward = specialize(withCrossEntropy(graph), { dims, variables: new Set() });
    const names = parameters.map(({ name }) => name);
    const training = differentiate(forward, { loss: 'loss', wrt: names });
    const executable = await onnxRuntime().compile(training);
    const feeds = new Map<string, Tensor>(checkpoint.tensors);
    for (const name of ['input_ids', 'attention_mask', 'token_type_ids']) {
      feeds.set(name, asInt64(expected.get(`${n}/${name}`)));
    }
    feeds.set('labels', asInt64(expected.get(`${n}/labels`), [batch, 1]));
    const results = new Map<string, Tensor>([
      ['loss', zeros('float32', [])],
      ['logits', zeros('float32', [batch, 3])],
      ...parameters.map(({ name, shape }) => [gradientName(name), zeros('float32', shape)] as const),
    ]);
    await executable.run(feeds, results);
    expect(relativeError(results.get('logits'), expected.get(`${n}/logits`))).toBeLessThan(1e-5);
    expect(relativeError(results.get('loss'), expected.get(`${n}/loss`))).toBeLessThan(1e-5);
    for (const name of names) {
      const gradient = results.get(gradientName(name));
      const wanted = expected.get(`${n}/grad/${name}`);
      // A key bias has a gradient of zero: softmax ignores a shift.
      if (name.endsWith('key.bias')) expect(norm(gradient), name).toBeLessThan(1e-6);
      else expect(relativeError(gradient, wanted), name).toBeLessThan(2e-5);
    }
    await executable.release();
  });

  test('chosen elements of each gradient equal those of the dense one', async () => {
    const { graph, parameters, checkpoint } = tinyClassifier('tiny');
    const ids = expected.get('1/input_ids')!;
    const [batch = 0, sequence = 0] = ids.shape;
    const forward = specialize(withCrossEntropy(graph), { dims: { batch, sequence }, variables: new Set() });
    const names = parameters.map(({ name }) => name);
    // A few scattered elements of each: some tensors sparsely, some in nearly all rows and columns.
    const elements = new Map(
      parameters.map(({ name, shape }, i) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const step = i % 3 === 0 ? 3 : 41;
        return [name, Int32Array.from({ length: Math.ceil(size / step) }, (_, k) => k * step)] as const;
      }),
    );
    const training = differentiate(forward, { loss: 'loss', wrt: names, elements });
    const executable = await onnxRuntime().compile(training);
    const feeds = new Map<string, Tensor>(checkpoint.tensors);
    for (const name of ['input_ids', 'attention_mask', 'token_type_ids']) {
      feeds.set(name, asInt64(expected.get(`1/${name}`)));
    }
    feeds.set('labels', asInt64(expected.get('1/labels'), [batch, 1]));
    const results = new Map<string, Tensor>(
      names.map((name) => [gradientName(name), zeros('float32', [elements.get(name)!.length])] as const),
    );
    await executable.run(feeds, results);
    for (const name of names) {
      const dense = expected.get(`1/grad/${name}`)!;
      const wanted = float32(
        [elements.get(name)!.length],
        Array.from(elements.get(name)!, (index) => Number(dense.data[index])),
      );
      const got = results.get(gradientName(name))!;
      const difference = float32(
        wanted.shape,
        wanted.data.map((x, i) => x - Number(got.data[i])),
      );
      expect(norm(difference), name).toBeLessThan(2e-5 * norm(dense) + 1e-7);
    }
    await executable.release();
  });

  test('an encoder without head is found under its own names, and lacks the classifier only', () => {
    const whole = tinyClassifier('tiny').checkpoint;
    const encoder = tinyClassifier('tiny-encoder').checkpoint;
    expect(encoder.missing.map(({ name }) => name)).toEqual(['classifier.weight', 'classifier.bias']);
    expect(encoder.unused).toEqual(['embeddings.position_ids']);
    expect(whole.missing).toEqual([]);
    for (const [name, tensor] of encoder.tensors) {
      expect(tensor.data, name).toEqual(whole.tensors.get(name)?.data);
    }
  });
});
