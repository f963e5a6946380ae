import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { ints, type StaticGraph } from '../../src/graph/graph.ts';
import { findCut } from '../../src/lowering/cut.ts';
import { textEncoder } from '../../src/models/architecture.ts';
import {
  classifierGraph,
  classifierParameters,
  withCrossEntropy,
} from '../../src/models/sequence-classification.ts';
import { initialize } from '../../src/models/text-model.ts';
import type { EncodedText } from '../../src/models/tokenizer.ts';
import { nodeEnvironment } from '../../src/node/environment.ts';
import { textFeeds } from '../../src/objectives/text-feeds.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Shape, type Tensor } from '../../src/tensor.ts';
import { Prefix, PrefixCut } from '../../src/training/prefix.ts';
import { PrefixCache } from '../../src/training/prefix-cache.ts';
import { relativeError } from '../numbers.ts';

const LABELS = 3;
const environment = nodeEnvironment({ threads: 1 });
const fixtures = new URL('../fixtures/models/', import.meta.url);
const architectures = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** A classifier, and its prefix where some layers are trained, and the head. */
function withPrefix(name: string, isTrained: (layer: number) => boolean) {
  const config: unknown = JSON.parse(readFileSync(new URL(`${name}/config.json`, fixtures), 'utf8'));
  const encoder = textEncoder(config as object, name);
  const parameters = classifierParameters(encoder, LABELS);
  const weights = initialize(parameters, 0.3, 7);
  // Biases begin with zeros, which no rounding shows in.
  for (const [parameter, { data }] of weights) {
    if (parameter.endsWith('.bias')) data.set(data.map((_, i) => Math.sin(i)));
  }
  const graph = withCrossEntropy(classifierGraph(encoder, LABELS));
  const body = new Set(encoder.parameters.map((parameter) => parameter.name));
  const trained = parameters
    .map((parameter) => parameter.name)
    .filter((parameter) => !body.has(parameter) || isTrained(Number(/\.(\d+)\./.exec(parameter)?.[1] ?? -1)));
  const { padTokenId, maxPositions: maxLength } = encoder;
  const cut = PrefixCut.find({ graph, sites: [], weights, trained, padTokenId, maxLength });
  if (cut === undefined) throw new Error('no cut was found');
  const prefix = new Prefix(cut, new PrefixCache(1e9, undefined, environment.createSha256), environment);
  return { graph, weights, padTokenId, cut, prefix };
}

/** Logits of texts padded to one length, by the graph as a whole and by its two parts. */
async function bothWays(
  name: string,
  texts: readonly EncodedText[],
  length: number,
  isTrained: (layer: number) => boolean,
): Promise<[Float32Array, Float32Array]> {
  const { graph, weights, padTokenId, cut, prefix } = withPrefix(name, isTrained);
  const shape = { batch: texts.length, sequence: length };
  const plain = { ...graph, outputs: graph.outputs.filter((output) => output.name === 'logits') };
  const whole = specialize(plain, { dims: shape, variables: new Set() });
  const feeds = new Map<string, Tensor>([...weights, ...textFeeds(texts, length, padTokenId)]);
  // Each text is asked for in other company first.
  await prefix.fill(texts.toReversed());
  const parts = new Map([...feeds, ...(await prefix.feeds(texts, length))]);
  const results: Float32Array[] = [];
  for (const [part, given] of [
    [whole, new Map([...feeds, ['labels', labelsOf(texts.length)]])],
    [cut.logitsAbove(shape), parts],
  ] as const) {
    const executable = await environment.backend.compile(part);
    const logits = float32([texts.length, LABELS], new Float32Array(texts.length * LABELS));
    await executable.run(given, new Map([['logits', logits]]));
    await executable.release();
    results.push(logits.data);
  }
  await prefix.release();
  return [results[0]!, results[1]!];
}

const labelsOf = (texts: number): Tensor => ({
  dtype: 'int64',
  shape: [texts, 1],
  data: new BigInt64Array(texts),
});

const textsOf = (lengths: readonly number[]): EncodedText[] =>
  lengths.map((length, i) => ({
    ids: Array.from({ length }, (_, j) => 5 + ((i * 7 + j * 3) % 20)),
    typeIds: new Array<number>(length).fill(0),
    truncated: false,
  }));

describe.each(architectures)('%s, cut above its first layer', (name) => {
  test('gives the logits of the graph as a whole: to the bit at the texts’ own length, to rounding beyond', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 2, max: 8 }), { minLength: 2, maxLength: 5 }),
        async (lengths) => {
          const texts = textsOf(lengths);
          const own = await bothWays(name, texts, 8, (layer) => layer >= 1);
          expect([...own[1]]).toEqual([...own[0]]);
          const longer = await bothWays(name, texts, 16, (layer) => layer >= 1);
          expect(relativeError({ data: longer[1] }, { data: longer[0] })).toBeLessThan(1e-5);
        },
      ),
      { numRuns: 2 },
    );
  });
});

describe.each(architectures)('%s, cut below its head', (name) => {
  test('keeps the same of a text, to the bit, however many run with it', async () => {
    const texts = textsOf(Array.from({ length: 9 }, () => 6));
    const keptOf = async (some: readonly EncodedText[]): Promise<readonly (readonly number[])[]> => {
      const { prefix } = withPrefix(name, () => false);
      const [values] = (await prefix.feeds(some, 6)).values();
      await prefix.release();
      const numbers = Array.from(values?.data ?? [], Number);
      const size = numbers.length / some.length;
      return some.map((_, row) => numbers.slice(row * size, (row + 1) * size));
    };
    const all = await keptOf(texts);
    expect(all[0]?.length).toBeGreaterThan(0);
    for (const count of [1, 2, 3, 5]) {
      expect(await keptOf(texts.slice(0, count)), `${count} texts`).toEqual(all.slice(0, count));
    }
  });
});

test('what pairs positions is made again from what is kept for each: attention of which the values alone are trained', () => {
  const graphOf = (batch: number, sequence: number): StaticGraph => {
    const builder = new GraphBuilder();
    const input = (name: string, shape: Shape): string => builder.input({ name, dtype: 'float32', shape });
    const rows = input('text', [batch * sequence, 4]);
    const hidden = builder.op('Tanh', [builder.op('MatMul', [rows, input('frozen', [4, 4])])], {}, 'hidden');
    const states = builder.op('Reshape', [hidden, builder.ints([batch, sequence, 4])]);
    const turned = builder.op('Transpose', [states], { perm: ints([0, 2, 1]) });
    const probabilities = builder.op('Softmax', [builder.op('MatMul', [states, turned])]);
    const values = builder.op('MatMul', [states, input('trained', [4, 4])]);
    const y = builder.op('MatMul', [probabilities, values], {}, 'y');
    const output = { name: y, dtype: 'float32' as const, shape: [batch, sequence, 4] };
    return specialize(builder.build('attention', [output]), { dims: {}, variables: new Set() });
  };
  const crossing = findCut({
    weights: new Set(['frozen', 'trained']),
    trained: new Set(['trained']),
    texts: new Set(['text']),
    graphOf,
  });
  const layout = { shape: ['rows', 4], outer: 1, inner: 4, perPosition: true };
  expect(crossing).toEqual([{ name: 'hidden', layout }]);
});
