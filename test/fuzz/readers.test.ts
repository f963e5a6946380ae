import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { GspfError } from '../../src/errors.ts';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { ints } from '../../src/graph/graph.ts';
import { importGraph } from '../../src/imported/import.ts';
import { textTokenizer } from '../../src/models/tokenizer.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { diffTensors } from '../../src/patch/diff.ts';
import { patchFormat } from '../../src/patch/metadata.ts';
import { decodePatch, encodePatch } from '../../src/patch/patch.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, int64, type Tensor } from '../../src/tensor.ts';
import { dice, mutate } from './mutations.ts';

/** Damaged files of each kind: `npm run test:slow` sets 5,000, so that there are 20,000 in all. */
const CASES = Number(process.env['GSPF_FUZZ_CASES'] ?? 400);
/** What a reader may reserve for files of a few kilobytes, garbage of the case before included. */
const MOST_BYTES = 32e6;

const values = float32(
  [4, 6],
  Float32Array.from({ length: 24 }, (_, i) => Math.fround(Math.sin(i))),
);
const tensors: [string, Tensor][] = [
  ['a.weight', values],
  ['b', int64([3], [1, 2, 3])],
  ['flags', { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) }],
];

function model(): Uint8Array {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape: ['batch', 4] });
  builder.initializer('w', values);
  builder.initializer('shape', int64([2], [-1, 6]));
  const product = builder.op('MatMul', ['x', 'w']);
  const turned = builder.op('Transpose', [product], { perm: ints([1, 0]) });
  builder.initializer('row', int64([1], [2]));
  const filled = builder.op('ConstantOfShape', ['row'], {
    value: { type: 'tensor', value: float32([1], [2]) },
  });
  builder.op('Reshape', [builder.op('Add', [turned, filled]), 'shape'], {}, 'y');
  return encodeModel(builder.build('fuzzed', [{ name: 'y', dtype: 'float32', shape: ['batch', 6] }]));
}

function patch(): Uint8Array {
  const tuned = float32(
    [4, 6],
    values.data.map((value, i) => (i % 5 === 0 ? value + 1 : value)),
  );
  return encodePatch(
    diffTensors(
      new Map([['w', values]]),
      new Map([
        ['w', tuned],
        ['head', values],
      ]),
      {
        ...patchFormat,
        baseSha256: '0'.repeat(64),
        baseName: 'base',
        method: 'gspf',
        task: 'mails',
        id2label: ['no', 'yes'],
        createdBy: 'a test',
        extra: {},
      },
    ),
  );
}

const tokenizer = readFileSync(
  fileURLToPath(new URL('../fixtures/bert/tiny/tokenizer.json', import.meta.url)),
);

/** As a tokenizer's file is read: other text than a JSON object is refused before. */
function readTokenizer(bytes: Uint8Array): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return;
  }
  if (typeof parsed !== 'object' || parsed === null) return;
  textTokenizer(parsed, {}, 'tokenizer.json').encode('borl flim, tavu!', undefined, 16);
}

test.each<[string, Uint8Array, (bytes: Uint8Array) => void]>([
  [
    'ONNX',
    model(),
    (bytes) => {
      const graph = decodeModel(bytes, { source: 'model.onnx' });
      importGraph(graph);
      specialize(graph, { dims: { batch: 2 }, variables: new Set() });
    },
  ],
  [
    'safetensors',
    encodeSafetensors(tensors, { note: 'fuzzed' }),
    (bytes) => void decodeSafetensors(bytes, 'm.safetensors'),
  ],
  ['patch', patch(), (bytes) => void decodePatch(bytes, 'p.safetensors')],
  ['tokenizer', tokenizer, readTokenizer],
])(
  'a damaged %s file is read or refused, and reserves no more than it justifies',
  (kind, file, read) => {
    read(file);
    for (let seed = 0; seed < CASES; seed++) {
      const bytes = mutate(file, dice(seed));
      const before = process.memoryUsage().arrayBuffers;
      try {
        read(bytes);
      } catch (error) {
        if (!(error instanceof GspfError)) throw new Error(`${kind}, case ${seed}`, { cause: error });
      }
      const reserved = process.memoryUsage().arrayBuffers - before;
      expect(reserved, `${kind}, case ${seed}`).toBeLessThan(MOST_BYTES);
    }
  },
  600_000,
);
