import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { differentiate, gradientName } from '../../src/autodiff/differentiate.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { textEncoder } from '../../src/models/architecture.ts';
import { matchCheckpoint } from '../../src/models/checkpoint.ts';
import { maskedInputs, maskedLmGraph, maskedLmParameters } from '../../src/models/masked-lm.ts';
import type { Parameter } from '../../src/models/parameters.ts';
import {
  questionAnsweringGraph,
  questionAnsweringParameters,
  questionZeroGradient,
  withAnswerLoss,
} from '../../src/models/question-answering.ts';
import {
  classifierGraph,
  classifierParameters,
  withCrossEntropy,
} from '../../src/models/sequence-classification.ts';
import {
  LABELLED_POSITIONS,
  tokenClassifierGraph,
  tokenClassifierParameters,
  withTokenCrossEntropy,
} from '../../src/models/token-classification.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { int64, type Tensor, type TensorType, zeros } from '../../src/tensor.ts';
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

  test('has the parameters of transformers, each once', () => {
    const names = classifierParameters(encoder, LABELS).map((parameter) => parameter.name);
    expect([...names].sort()).toEqual([...f.file.keys()].sort());
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

  test('classifies tokens as PyTorch does', async () => {
    const labels = numbers(f, 'tokens/labels');
    const labelled = labels.flatMap((label, position) => (label === -100 ? [] : [position]));
    const graph = withTokenCrossEntropy(tokenClassifierGraph(encoder, LABELS), LABELS);
    const feeds = new Map([
      [LABELLED_POSITIONS, int64([labelled.length], labelled)],
      ['labels', column(labelled.map((position) => labels[position]!))],
    ]);
    const parameters = tokenClassifierParameters(encoder, LABELS);
    const dims = { labelled: labelled.length };
    const results = await compare(f, 'tokens', graph, parameters, { feeds, dims });
    expect(relativeError(results.get('logits'), expected.get('tokens/logits'))).toBeLessThan(1e-5);
  });

  test('finds answers as PyTorch does', async () => {
    if (!expected.has('question/logits')) {
      expect(() => questionAnsweringGraph(encoder)).toThrow(/transformers has a question-answering head/);
      return;
    }
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

  test('predicts masked tokens as PyTorch does', async () => {
    const labels = numbers(f, 'masked/labels');
    const masked = labels.flatMap((label, position) => (label === -100 ? [] : [position]));
    const feeds = new Map([
      [maskedInputs.positions, int64([masked.length], masked)],
      [maskedInputs.tokens, column(masked.map((position) => labels[position]!))],
    ]);
    const dims = { masked: masked.length };
    const results = await compare(f, 'masked', maskedLmGraph(encoder), maskedLmParameters(encoder), {
      feeds,
      dims,
    });
    expect(relativeError(results.get('token_logits'), expected.get('masked/logits'))).toBeLessThan(1e-5);
  });
});
