import { readdirSync, readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { textEncoder } from '../../src/models/architecture.ts';
import { matchCheckpoint } from '../../src/models/checkpoint.ts';
import type { DropoutSite } from '../../src/models/dropout.ts';
import {
  maskedInputs,
  maskedLmLogitsGraph,
  maskedLmParameters,
  maskedScoresGraph,
  maskedTokensGraph,
  withMaskedLoss,
} from '../../src/models/masked-lm.ts';
import { withWeights } from '../../src/models/onnx-model.ts';
import type { Parameter } from '../../src/models/parameters.ts';
import {
  questionAnsweringGraph,
  questionAnsweringParameters,
  questionZeroGradient,
  withAnswerLoss,
} from '../../src/models/question-answering.ts';
import { debertaBucket, mpnetBucket } from '../../src/models/relative-positions.ts';
import {
  classifierGraph,
  classifierParameters,
  withCrossEntropy,
} from '../../src/models/sequence-classification.ts';
import {
  LABEL_WEIGHTS,
  tokenClassifierGraph,
  tokenClassifierParameters,
  withTokenCrossEntropy,
} from '../../src/models/token-classification.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { crossEntropy } from '../../src/objectives/losses.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, int64, sizeOf, type Tensor, type TensorType, zeros } from '../../src/tensor.ts';
import { norm, relativeError } from '../numbers.ts';

const LABELS = 3;

const fixtures = new URL('../fixtures/models/', import.meta.url);
const architectures = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

function fixture(name: string) {
  const bytes = (file: string): Uint8Array => readFileSync(new URL(`${name}/${file}`, fixtures));
  const tensorsOf = (file: string) => decodeSafetensors(bytes(file), file).tensors;
  const encoder = textEncoder(JSON.parse(new TextDecoder().decode(bytes('config.json'))), name);
  const expected = tensorsOf('expected.safetensors');
  const [batch = 0, sequence = 0] = expected.get('input_ids')!.shape;
  const inputs = new Map<string, Tensor>();
  for (const input of ['input_ids', 'attention_mask', 'token_type_ids']) {
    const tensor = expected.get(input);
    if (tensor !== undefined) inputs.set(input, int64(tensor.shape, Array.from(tensor.data, Number)));
  }
  return { encoder, expected, batch, sequence, inputs, file: tensorsOf('model.safetensors') };
}

type Fixture = ReturnType<typeof fixture>;

/** Integers that the fixture holds for a head. */
const numbers = ({ expected }: Fixture, name: string): number[] =>
  Array.from(expected.get(name)?.data ?? [], Number);

/** Column of int64, as the losses read what is right. */
const column = (values: readonly number[]): Tensor => int64([values.length, 1], values);

/** Whether PyTorch's gradient is nothing but the rounding of float64. */
const isZero = (gradient: Tensor): boolean => norm(gradient) < 1e-12;

/** Runs a head's loss and gradients, and compares all that the fixture knows of it. */
async function compare(
  f: Fixture,
  head: string,
  graph: Graph,
  parameters: readonly Parameter[],
  { feeds, dims = {} }: { feeds: ReadonlyMap<string, Tensor>; dims?: Readonly<Record<string, number>> },
): Promise<ReadonlyMap<string, Tensor>> {
  const weights = new Map(
    [...f.file, ...f.expected].map(([name, tensor]) => [name.replace(`${head}/weight/`, ''), tensor]),
  );
  const { tensors } = matchCheckpoint(parameters, weights, {
    source: head,
    prefix: f.encoder.prefix,
    optional: () => false,
  });
  const all = { batch: f.batch, sequence: f.sequence, ...dims };
  const forward = specialize(graph, { dims: all, variables: new Set() });
  const names = parameters.map(({ name }) => name);
  const executable = await onnxRuntime().compile(differentiate(forward, { loss: 'loss', wrt: names }));
  const typeOf = ({ name, shape }: { name: string } & TensorType) => [name, zeros('float32', shape)] as const;
  const results = new Map<string, Tensor>([
    ...forward.outputs.map((output) => typeOf({ name: output.name, ...forward.types.get(output.name)! })),
    ...parameters.map(({ name, shape }) => [gradientName(name), zeros('float32', shape)] as const),
  ]);
  await executable.run(new Map([...tensors, ...f.inputs, ...feeds]), results);
  await executable.release();

  expect(relativeError(results.get('loss'), f.expected.get(`${head}/loss`))).toBeLessThan(1e-5);
  let compared = 0;
  for (const name of names) {
    const wanted = f.expected.get(`${head}/grad/${name}`);
    if (wanted === undefined) continue;
    compared++;
    const gradient = results.get(gradientName(name));
    if (isZero(wanted)) expect(norm(gradient), name).toBeLessThan(1e-6);
    else expect(relativeError(gradient, wanted), name).toBeLessThan(2e-5);
  }
  const stored = [...f.expected.keys()].filter((name) => name.startsWith(`${head}/grad/`));
  expect(compared).toBe(stored.length);
  return results;
}

describe.each(architectures)('the tiny %s of test/fixtures/models', (name) => {
  const f = fixture(name);
  const { encoder, expected } = f;

  test('has the parameters of transformers, each once, and finds them in the file', () => {
    const parameters = classifierParameters(encoder, LABELS);
    const wanted = [...expected.keys()].filter((key) => key.startsWith('sequence/grad/'));
    const names = parameters.map((parameter) => `sequence/grad/${parameter.name}`);
    expect([...names].sort()).toEqual(wanted.sort());
    const { unused } = matchCheckpoint(parameters, f.file, {
      source: name,
      prefix: encoder.prefix,
      optional: () => false,
    });
    const other = unused.filter((key) => !/contact_head|inv_freq/.test(key));
    expect(other).toEqual([]);
  });

  test('classifies texts: logits, loss and every gradient equal those of PyTorch', async () => {
    const parameters = classifierParameters(encoder, LABELS);
    const graph = withCrossEntropy(classifierGraph(encoder, LABELS));
    const feeds = new Map([['labels', column(numbers(f, 'sequence/labels'))]]);
    const results = await compare(f, 'sequence', graph, parameters, { feeds });
    expect(relativeError(results.get('logits'), expected.get('sequence/logits'))).toBeLessThan(1e-5);
    const compared = parameters.filter((parameter) => expected.has(`sequence/grad/${parameter.name}`));
    expect(compared).toEqual(parameters);
    const zero = parameters.filter((parameter) => isZero(expected.get(`sequence/grad/${parameter.name}`)!));
    expect(zero.map((parameter) => parameter.name)).toEqual(encoder.zeroGradient);
  });

  test('computes chosen elements of each gradient as it computes them all', async () => {
    // A few scattered elements of each: of a shared parameter, the sum over all of its uses.
    const parameters = classifierParameters(encoder, LABELS);
    const elements = new Map(
      parameters.map(({ name: key, shape }, i) => {
        const step = i % 3 === 0 ? 3 : 17;
        const count = Math.ceil(sizeOf(shape) / step);
        return [key, Int32Array.from({ length: count }, (_, k) => k * step)] as const;
      }),
    );
    const dims = { batch: f.batch, sequence: f.sequence };
    const forward = specialize(withCrossEntropy(classifierGraph(encoder, LABELS)), {
      dims,
      variables: new Set(),
    });
    const executable = await onnxRuntime().compile(
      differentiate(forward, { loss: 'loss', wrt: [...elements.keys()], elements }),
    );
    const { tensors } = matchCheckpoint(parameters, f.file, {
      source: name,
      prefix: encoder.prefix,
      optional: () => false,
    });
    const results = new Map<string, Tensor>(
      [...elements].map(([key, { length }]) => [gradientName(key), zeros('float32', [length])] as const),
    );
    const labels = column(numbers(f, 'sequence/labels'));
    await executable.run(new Map([...tensors, ...f.inputs, ['labels', labels] as const]), results);
    await executable.release();
    for (const [key, indices] of elements) {
      const dense = expected.get(`sequence/grad/${key}`)!;
      const got = results.get(gradientName(key))!;
      const difference = Float32Array.from(
        indices,
        (index, i) => Number(dense.data[index]) - Number(got.data[i]),
      );
      expect(norm({ data: difference }), key).toBeLessThan(2e-5 * norm(dense) + 1e-7);
    }
  });

  test('drops values where transformers does, and is itself where masks drop nothing', async () => {
    const sites: DropoutSite[] = [];
    const graph = classifierGraph(encoder, LABELS, sites);
    const none = classifierGraph(encoder, LABELS);
    const probabilities = sites.map(({ probability }) => probability).sort((a, b) => a - b);
    expect(probabilities.map(Math.fround)).toEqual(
      Array.from(expected.get('sequence/dropout')!.data, Number),
    );
    const dims = { batch: f.batch, sequence: f.sequence };
    const { tensors } = matchCheckpoint(classifierParameters(encoder, LABELS), f.file, {
      source: name,
      prefix: encoder.prefix,
      optional: () => false,
    });
    const logits = async (of: Graph, mask: number): Promise<Tensor> => {
      const forward = specialize(of, { dims, variables: new Set() });
      const executable = await onnxRuntime().compile(forward);
      const masks = forward.inputs
        .filter((input) => input.name.startsWith('dropout/'))
        .map(({ name: key }) => {
          const { shape } = forward.types.get(key)!;
          return [key, float32(shape, new Float32Array(sizeOf(shape)).fill(mask))] as const;
        });
      const result = zeros('float32', [f.batch, LABELS]);
      await executable.run(new Map([...tensors, ...f.inputs, ...masks]), new Map([['logits', result]]));
      await executable.release();
      return result;
    };
    const plain = await logits(none, 1);
    expect(relativeError(await logits(graph, 1), plain)).toBeLessThan(1e-6);
    // With everything dropped, the last layer's bias is left.
    const { output } = encoder.sequenceHead;
    const bias = Array.from(tensors.get(`${output}.bias`)!.data);
    const dropped = Array.from((await logits(graph, 0)).data, Number);
    expect(dropped).toEqual([...bias, ...bias, ...bias]);
  });

  test('runs in onnxruntime with its extents named, as it is exported', async () => {
    const { tensors } = matchCheckpoint(classifierParameters(encoder, LABELS), f.file, {
      source: name,
      prefix: encoder.prefix,
      optional: () => false,
    });
    const model = encodeModel(withWeights(classifierGraph(encoder, LABELS), tensors));
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
    const feeds = session.inputNames.map((input) => {
      const { data, shape } = f.inputs.get(input)!;
      return [input, new ort.Tensor('int64', BigInt64Array.from(data, BigInt), [...shape])] as const;
    });
    const { logits } = await session.run(Object.fromEntries(feeds));
    const got = { data: Float32Array.from(logits!.data, Number) };
    expect(relativeError(got, expected.get('sequence/logits'))).toBeLessThan(1e-5);
    await session.release();
  });

  if (expected.has('tokens/logits')) {
    test('classifies tokens as PyTorch does', async () => {
      const labels = numbers(f, 'tokens/labels');
      const shape = [f.batch, f.sequence];
      const graph = withTokenCrossEntropy(tokenClassifierGraph(encoder, LABELS), LABELS);
      const classes = labels.map((label) => Math.max(0, label));
      const weights = labels.map((label) => (label === -100 ? 0 : 1));
      const feeds = new Map<string, Tensor>()
        .set('labels', int64(shape, classes))
        .set(LABEL_WEIGHTS, float32(shape, weights));
      const parameters = tokenClassifierParameters(encoder, LABELS);
      const results = await compare(f, 'tokens', graph, parameters, { feeds });
      expect(relativeError(results.get('logits'), expected.get('tokens/logits'))).toBeLessThan(1e-5);
    });
  }

  test('finds answers only where transformers can', () => {
    if (encoder.questionHead === undefined) {
      expect(() => questionAnsweringGraph(encoder)).toThrow(/transformers has a question-answering head/);
    }
    expect(encoder.questionHead === undefined).toBe(encoder.modelType === 'esm');
  });

  if (expected.has('question/logits')) {
    test('finds answers as PyTorch does', async () => {
      const graph = withAnswerLoss(questionAnsweringGraph(encoder));
      const feeds = new Map(
        ['start_positions', 'end_positions'].map((end) => [end, column(numbers(f, `question/${end}`))]),
      );
      const results = await compare(f, 'question', graph, questionAnsweringParameters(encoder), { feeds });
      const zero = questionZeroGradient(encoder).filter((key) => expected.has(`question/grad/${key}`));
      for (const key of zero) expect(isZero(expected.get(`question/grad/${key}`)!), key).toBe(true);
      expect(zero.length).toBe(1);
      const logits = expected.get('question/logits')!;
      for (const [index, end] of ['start_logits', 'end_logits'].entries()) {
        const wanted = { data: Float32Array.from(logits.data, Number).filter((_, i) => i % 2 === index) };
        expect(relativeError(results.get(end), wanted), end).toBeLessThan(1e-5);
      }
    });
  }

  test('predicts masked tokens as PyTorch does', async () => {
    const labels = numbers(f, 'masked/labels');
    const masked = labels.flatMap((label, position) => (label === -100 ? [] : [position]));
    // One slot more than there are masks: it weighs nothing.
    const positions = [...masked, 0];
    const tokens = [...masked.map((position) => labels[position]!), 0];
    const weights = float32(
      [tokens.length, 1],
      tokens.map((_, slot) => (slot < masked.length ? 1 : 0)),
    );
    const feeds = new Map<string, Tensor>()
      .set(maskedInputs.positions, int64([positions.length], positions))
      .set(maskedInputs.tokens, column(tokens))
      .set(maskedInputs.weights, weights);
    const dims = { masked: tokens.length };
    const graph = withMaskedLoss(maskedTokensGraph(encoder));
    const parameters = maskedLmParameters(encoder);
    const results = await compare(f, 'masked', graph, parameters, { feeds, dims });
    const wanted = expected.get('masked/logits')!;
    const logits = Float32Array.from(results.get('logits')!.data, Number).slice(0, wanted.data.length);
    expect(relativeError({ data: logits }, wanted)).toBeLessThan(1e-5);

    // The same by the graphs that are scored and exported.
    const { tensors } = matchCheckpoint(
      parameters,
      new Map([...f.file, ...expected].map(([key, tensor]) => [key.replace('masked/weight/', ''), tensor])),
      { source: name, prefix: encoder.prefix, optional: () => false },
    );
    const run = async (of: Graph, shape: readonly number[]): Promise<Float32Array> => {
      const all = { batch: f.batch, sequence: f.sequence, ...dims };
      const executable = await onnxRuntime().compile(specialize(of, { dims: all, variables: new Set() }));
      const result = zeros('float32', shape);
      await executable.run(new Map([...tensors, ...f.inputs, ...feeds]), new Map([['logits', result]]));
      await executable.release();
      return result.data;
    };
    const scores = await run(maskedScoresGraph(encoder), [tokens.length, 2]);
    const whole = await run(maskedLmLogitsGraph(encoder), [f.batch, f.sequence, encoder.vocabSize]);
    for (const [slot, position] of masked.entries()) {
      const row = Float32Array.from(wanted.data, Number).subarray(
        slot * encoder.vocabSize,
        (slot + 1) * encoder.vocabSize,
      );
      const token = tokens[slot]!;
      expect(scores[2 * slot]).toBeCloseTo(-crossEntropy(row, token), 4);
      expect(scores[2 * slot + 1]).toBe(row.filter((logit) => logit > row[token]!).length);
      const own = whole.subarray(position * encoder.vocabSize, (position + 1) * encoder.vocabSize);
      expect(relativeError({ data: own }, { data: row })).toBeLessThan(1e-5);
    }
  });
});

test.each([
  ['mpnet', mpnetBucket],
  ['deberta', (distance: number) => debertaBucket(distance, 256, 512)],
] as const)('buckets of relative positions begin where those of %s do', (name, bucketOf) => {
  const starts: [number, number][] = JSON.parse(readFileSync(new URL('buckets.json', fixtures), 'utf8'))[
    name
  ];
  // MPNet's are of what comes before; DeBERTa's are odd.
  const sign = name === 'mpnet' ? -1 : 1;
  const buckets = Array.from({ length: 512 }, (_, distance) => bucketOf(sign * distance) + 0);
  const found = buckets.flatMap((bucket, i) =>
    bucket === buckets[i - 1] || bucket === i ? [] : [[i, bucket]],
  );
  expect(found).toEqual(starts);
  expect(bucketOf(-sign * 300)).toBe(name === 'mpnet' ? 16 + bucketOf(sign * 300) : -bucketOf(sign * 300));
});

test('XLM-R is RoBERTa under another class name', () => {
  const config = JSON.parse(readFileSync(new URL('roberta/config.json', fixtures), 'utf8'));
  const roberta = textEncoder(config, 'roberta');
  const xlm = textEncoder({ ...config, model_type: 'xlm-roberta' }, 'xlm-roberta');
  expect({ ...classifierGraph(xlm, LABELS), name: '' }).toEqual({
    ...classifierGraph(roberta, LABELS),
    name: '',
  });
  expect(xlm.prefix).toBe('roberta.');
  expect(xlm.className).toBe('XLMRoberta');
});
