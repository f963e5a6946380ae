import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTensors } from '../../src/patch/diff.ts';
import { type PatchMetadata, patchFormat } from '../../src/patch/metadata.ts';
import { decodePatch, encodePatch, type Patch } from '../../src/patch/patch.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import { float32, fromBytes, type Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { bits } from '../safetensors/bits.ts';
import { modelPairs } from './arbitraries.ts';
import { exampleBytes, metadata } from './worked-example.ts';

const text = fc.string({ unit: 'binary' });
const metadatas: fc.Arbitrary<PatchMetadata> = fc.record({
  format: fc.constant(patchFormat.format),
  version: fc.constant(patchFormat.version),
  baseSha256: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
  baseName: text,
  method: text,
  task: text,
  id2label: fc.array(text, { maxLength: 12 }),
  selected: fc.maxSafeNat(),
  ratio: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs),
  createdBy: text,
  extra: fc.dictionary(
    fc.string({ unit: 'grapheme-ascii' }).map((key) => `x_${key}`),
    text,
  ),
});

/** A patch as plain values that `toEqual` compares to the bit. */
function plain({ metadata, tensors, removed }: Patch): unknown {
  const entries = [...tensors].map(([name, update]) => [
    name,
    update.kind === 'dense' ? bits(update.tensor) : [[...update.indices], bits(update.values)],
  ]);
  return { metadata, tensors: Object.fromEntries(entries), removed };
}

const gaps = (...bytes: number[]): Tensor => fromBytes('uint8', [bytes.length], Uint8Array.from(bytes));

describe('encodePatch and decodePatch', () => {
  it('restore every patch', () => {
    fc.assert(
      fc.property(modelPairs, metadatas, ({ base, tuned }, metadata) => {
        const patch = diffTensors(base, tuned, metadata);
        const bytes = encodePatch(patch);
        const decoded = decodePatch(bytes, 'p');
        expect(plain(decoded)).toEqual(plain(patch));
        expect(encodePatch(decoded)).toEqual(bytes);
      }),
    );
  });

  it('keep names apart that end in the suffixes of the format', () => {
    const names = ['w', 'w.indices', 'w.values', 'w.dense', 'w.indices.dense', '.values', 'w.dense.indices'];
    const sparse = { kind: 'sparse', indices: Float64Array.of(1), values: float32([1], [7]) } as const;
    const dense = { kind: 'dense', tensor: float32([2], [3, 4]) } as const;
    for (const pick of [0, 1]) {
      const tensors = new Map(names.map((name, i) => [name, i % 2 === pick ? sparse : dense]));
      const patch = { metadata, tensors, removed: ['b', 'a'] };
      expect(plain(decodePatch(encodePatch(patch), 'p'))).toEqual(plain(patch));
    }
  });

  it('take about six bytes for a float32 weight at a density of 0.3 %', () => {
    const count = 30_000;
    // Gaps of 1 to 666, evenly: 333 on average.
    const indices = new Float64Array(count);
    for (let i = 1; i < count; i++) indices[i] = (indices[i - 1] ?? 0) + 1 + ((i * 271) % 666);
    const update = { kind: 'sparse', indices, values: float32([count], new Float32Array(count)) } as const;
    const bytes = encodePatch({ metadata, tensors: new Map([['w', update]]), removed: [] });
    expect(bytes.length / count).toBeLessThan(6);
    expect(bytes.length / count).toBeGreaterThan(5.5);
  });

  it.each<[string, Omit<Patch, 'metadata'>, string]>([
    [
      'indices that do not ascend',
      {
        tensors: new Map([
          ['w', { kind: 'sparse', indices: Float64Array.of(2, 1), values: float32([2], [0, 0]) }],
        ]),
        removed: [],
      },
      'tensor "w": expected ascending indices from 0 on, got 1 after 2',
    ],
    [
      'more values than indices',
      {
        tensors: new Map([
          ['w', { kind: 'sparse', indices: Float64Array.of(2), values: float32([2], [0, 0]) }],
        ]),
        removed: [],
      },
      'tensor "w": expected as many values as indices, 1, got float32[2]',
    ],
    [
      'a tensor both changed and removed',
      { tensors: new Map([['w', { kind: 'dense', tensor: float32([1], [0]) }]]), removed: ['w'] },
      'patch: tensor "w": expected either to be removed or to be changed, got both',
    ],
  ])('refuse to write %s', (_, changes, message) => {
    expect(failure(() => encodePatch({ metadata, ...changes }))).toBe(`input/patch: ${message}`);
  });

  const value = float32([1], [7]);
  it.each<[string, [string, Tensor][], string]>([
    [
      'indices without values',
      [['w.indices', gaps(1)]],
      'tensor "w": expected "w.values" beside "w.indices", got none',
    ],
    [
      'values without indices',
      [['w.values', value]],
      'tensor "w": expected "w.indices" beside "w.values", got none',
    ],
    [
      'a tensor both sparse and whole',
      [
        ['w.indices', gaps(1)],
        ['w.values', value],
        ['w', value],
      ],
      'tensor "w": expected either a whole tensor or indices and values, got both',
    ],
    [
      'indices of another type',
      [
        ['w.indices', fromBytes('int8', [1], Uint8Array.of(1))],
        ['w.values', value],
      ],
      'tensor "w": expected indices as uint8[bytes], got int8[1]',
    ],
    [
      'more indices than values',
      [
        ['w.indices', gaps(1, 1)],
        ['w.values', value],
      ],
      'tensor "w": expected as many values as indices, 2, got float32[1]',
    ],
    [
      'values of two dimensions',
      [
        ['w.indices', gaps(1)],
        ['w.values', float32([1, 1], [7])],
      ],
      'tensor "w": expected as many values as indices, 1, got float32[1, 1]',
    ],
    [
      'a gap that is cut short',
      [
        ['w.indices', gaps(0x80)],
        ['w.values', float32([0], [])],
      ],
      'tensor "w": expected whole gaps, got a last one that is cut short',
    ],
    [
      'a needless suffix',
      [['w.dense', value]],
      'tensor "w.dense": expected "w", which needs no .dense, got it with one',
    ],
  ])('refuse to read %s', (_, tensors, message) => {
    const strings = decodeSafetensors(exampleBytes, 'x').metadata;
    const bytes = encodeSafetensors(tensors, strings);
    expect(failure(() => decodePatch(bytes, 'p'))).toBe(`input/patch: p: ${message}`);
  });
});

describe('the metadata of a patch', () => {
  it.each<[Record<string, string | undefined>, string]>([
    [{ format: undefined }, 'p: expected a patch, with metadata format "gspf-patch", got none'],
    [{ format: 'pt' }, 'p: expected a patch, with metadata format "gspf-patch", got "pt"'],
    [
      { version: '2' },
      'p: expected a patch of version 1, got "2". Another version of gspf wrote this patch; use that one.',
    ],
    [{ base_sha256: 'AB' }, 'p: base_sha256: expected 64 lower-case hexadecimal digits, got "AB"'],
    [{ base_name: undefined }, 'p: base_name: expected a string, got none'],
    [{ selected: '-1' }, 'p: selected: expected a count, got "-1"'],
    [{ selected: 'many' }, 'p: selected: expected a count, got "many"'],
    [{ ratio: '0.3 %' }, 'p: ratio: expected a number from 0 to 1, got "0.3 %"'],
    [{ ratio: '1.5' }, 'p: ratio: expected a number from 0 to 1, got "1.5"'],
    [
      { id2label: '["no"]' },
      'p: id2label: expected an object such as {"0": "no", "1": "yes"}, got "[\\"no\\"]"',
    ],
    [
      { id2label: '{"1":"yes"}' },
      'p: id2label: expected an object such as {"0": "no", "1": "yes"}, got "{\\"1\\":\\"yes\\"}"',
    ],
    [{ removed: '[1]' }, 'p: removed: expected a list of names, got "[1]"'],
  ])('refuses %j', (changes, message) => {
    const { metadata, tensors } = decodeSafetensors(exampleBytes, 'x');
    const strings = Object.entries({ ...metadata, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const bytes = encodeSafetensors(tensors, Object.fromEntries(strings));
    expect(failure(() => decodePatch(bytes, 'p'))).toBe(`input/patch: ${message}`);
  });

  it('refuses extra strings under the names of the format', () => {
    const taken = { ...metadata, extra: { task: 'x' } };
    expect(failure(() => encodePatch({ metadata: taken, tensors: new Map(), removed: [] }))).toMatch(
      /^input\/patch: metadata of a patch: expected extra strings under names other than .*, got "task"$/,
    );
  });

  it('is checked before it is written', () => {
    const wrong = { ...metadata, ratio: Number.NaN };
    expect(failure(() => encodePatch({ metadata: wrong, tensors: new Map(), removed: [] }))).toBe(
      'input/patch: metadata of a patch: ratio: expected a number from 0 to 1, got "null"',
    );
  });
});
