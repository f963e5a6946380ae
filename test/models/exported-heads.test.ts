import { readdirSync, readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { textEncoder } from '../../src/models/architecture.ts';
import { matchCheckpoint } from '../../src/models/checkpoint.ts';
import { type HeadKind, modelWithHead } from '../../src/models/model-with-head.ts';
import { withWeights } from '../../src/models/onnx-model.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { quantizeDynamically } from '../../src/quantize/dynamic.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { relativeError } from '../numbers.ts';

const fixtures = new URL('../fixtures/models/', import.meta.url);
const architectures = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The fixtures' names of heads. */
const heads = {
  sequence: 'text-classification',
  tokens: 'token-classification',
  question: 'question-answering',
  masked: 'masked-lm',
} as const satisfies Record<string, HeadKind>;

/** As many rows of a model's outputs as texts. */
type Logits = Readonly<Record<string, readonly (readonly number[])[]>>;

function fixture(name: string) {
  const tensorsOf = (file: string) => {
    const url = new URL(`${name}/${file}`, fixtures);
    return decodeSafetensors(readFileSync(url), file).tensors;
  };
  const config = JSON.parse(readFileSync(new URL(`${name}/config.json`, fixtures), 'utf8'));
  return {
    encoder: textEncoder(config, name),
    expected: tensorsOf('expected.safetensors'),
    file: tensorsOf('model.safetensors'),
  };
}

type Fixture = ReturnType<typeof fixture>;

/** The graph of a head with its weights, as it is exported. */
function exported({ encoder, expected, file }: Fixture, head: keyof typeof heads): Graph {
  const weights = new Map(
    [...file, ...expected].map(([name, tensor]) => [name.replace(`${head}/weight/`, ''), tensor]),
  );
  const { parameters, graph } = modelWithHead(encoder, heads[head], weights);
  const options = { source: head, prefix: encoder.prefix, optional: () => false };
  return withWeights(graph(), matchCheckpoint(parameters, weights, options).tensors);
}

/** What onnxruntime makes of some texts, cut to `length`. */
async function run(
  graph: Graph,
  { expected }: Fixture,
  rows: readonly number[],
  length: number,
): Promise<Logits> {
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = session.inputNames.map((input) => {
    const { data, shape } = expected.get(input)!;
    const width = shape[1]!;
    const numbers = rows.flatMap((row) => Array.from(data, Number).slice(row * width, row * width + length));
    return [
      input,
      new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), [rows.length, length]),
    ] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { data, size }]) => {
      const width = size / rows.length;
      return [name, rows.map((_, i) => Array.from(data as Float32Array).slice(i * width, (i + 1) * width))];
    }),
  );
}

/** Of all texts, what the fixture knows: PyTorch's logits, and ours of the same positions. */
function compared(head: string, { expected }: Fixture, logits: Logits): [number[], number[]] {
  const wanted = Array.from(expected.get(`${head}/logits`)!.data, Number);
  if (head === 'question') {
    const [starts, ends] = ['start_logits', 'end_logits'].map((end) => logits[end]!.flat());
    return [wanted, starts!.flatMap((start, i) => [start, ends![i]!])];
  }
  const got = logits['logits']!.flat();
  if (head !== 'masked') return [wanted, got];
  const labels = Array.from(expected.get('masked/labels')!.data, Number);
  const vocabulary = got.length / labels.length;
  return [wanted, got.filter((_, i) => labels[Math.floor(i / vocabulary)] !== -100)];
}

const of = (values: readonly number[]) => ({ data: Float32Array.from(values) });

describe.each(architectures)('the tiny %s', (name) => {
  const f = fixture(name);
  const known = (Object.keys(heads) as (keyof typeof heads)[]).filter((head) =>
    f.expected.has(`${head}/logits`),
  );

  test.each(known)(
    "exported for %s gives PyTorch's logits in plain onnxruntime, and of a text alone",
    async (head) => {
      const graph = exported(f, head);
      const all = await run(graph, f, [0, 1, 2], 14);
      const [wanted, got] = compared(head, f, all);
      expect(got.length).toBe(wanted.length);
      expect(relativeError(of(got), of(wanted))).toBeLessThan(1e-5);
      // Another batch, another length: the third text has five tokens.
      const alone = await run(graph, f, [2], 5);
      for (const [output, [row = []]] of Object.entries(alone)) {
        const same = all[output]![2]!.slice(0, row.length);
        expect(relativeError(of(row), of(same)), output).toBeLessThan(1e-5);
      }
    },
  );

  test.each(known)('in 8 bits for %s stays near, and multiplies weights as integers only', async (head) => {
    const whole = exported(f, head);
    const graph = quantizeDynamically(whole);
    const left = graph.nodes.filter(({ opType }) => opType === 'Gemm');
    expect(left).toEqual([]);
    const matrices = [...graph.initializers].filter(
      ([, { dtype, shape }]) => dtype === 'float32' && shape.length > 1,
    );
    // Left are columns of scales, and embeddings that are no table to look tokens up in.
    const others = matrices.filter(([, { shape }]) => shape[1] !== 1).map(([key]) => key);
    for (const key of others) expect(key).toMatch(/(position|token_type|rel)_embeddings\.weight$/);
    const [wanted, got] = compared(head, f, await run(graph, f, [0, 1, 2], 14));
    expect(relativeError(of(got), of(wanted))).toBeLessThan(0.12);
  });
});
