import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors } from '../../src/safetensors/encode.ts';
import { failure } from '../data/failure.ts';
import { sharedPath } from '../data/shared-files.ts';
import { bits } from './bits.ts';

const fixture = readFileSync(new URL('../fixtures/safetensors/every-dtype.safetensors', import.meta.url));

describe('a file of the Python library', () => {
  const { tensors, metadata } = decodeSafetensors(fixture, 'every-dtype.safetensors');
  const floats = [1.5, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

  it('is read in every element type', () => {
    expect(metadata).toEqual({ note: 'é "quoted"' });
    expect(tensors.size).toBe(20);
    expect(tensors.get('f64')!.data).toEqual(Float64Array.of(...floats, 0.1));
    expect(tensors.get('f32')!.data).toEqual(Float32Array.of(...floats, 0.1));
    expect(tensors.get('f32')!.shape).toEqual([2, 3]);
    expect(bits(tensors.get('f16')!)).toBe('float16[3,1,2] 003e0080007c00fc007e662e');
    expect(bits(tensors.get('bf16')!)).toBe('bfloat16[6] c03f0080807f80ffc07fcd3d');
    const extremes = [2n ** 63n - 1n, -(2n ** 63n)];
    expect(tensors.get('i64')!.data).toEqual(BigInt64Array.of(0n, 1n, -1n, 100n, -100n, ...extremes));
    expect(tensors.get('i32')!.data).toEqual(Int32Array.of(0, 1, -1, 100, -100));
    expect(tensors.get('i16')!.data).toEqual(Int16Array.of(0, 1, -1, 100, -100));
    expect(tensors.get('i8')!.data).toEqual(Int8Array.of(0, 1, -1, 100, -100));
    expect(tensors.get('u64')!.data).toEqual(BigUint64Array.of(0n, 1n, 2n, 200n));
    expect(tensors.get('u32')!.data).toEqual(Uint32Array.of(0, 1, 2, 200));
    expect(tensors.get('u16')!.data).toEqual(Uint16Array.of(0, 1, 2, 200));
    expect(tensors.get('u8')!.data).toEqual(Uint8Array.of(0, 1, 2, 200));
    expect(bits(tensors.get('bool')!)).toBe('bool[3] 010001');
    expect(bits(tensors.get('scalar')!)).toBe('float32[] 0000e040');
    expect(bits(tensors.get('empty')!)).toBe('float32[0,3] ');
    expect(bits(tensors.get('quote " \\ \n \u0001')!)).toBe('uint8[1] 01');
    expect(bits(tensors.get('\u{1f600}')!)).toBe('uint8[1] 03');
  });

  it('is written back byte for byte', () => {
    expect(Buffer.from(encodeSafetensors(tensors, metadata)).equals(fixture)).toBe(true);
  });
});

/** A file of a header and so many zero bytes of data. */
function file(header: string, dataBytes = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const f32 = (shape: string, offsets: string): string =>
  `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;

describe('decodeSafetensors', () => {
  it('reads any order of keys, padding, unknown fields and gaps of no bytes', () => {
    const header = `{"b":${f32('[1]', '[4,8]')}, "z":${f32('[0]', '[4,4]')}, "__metadata__": null,
      "a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"extra":{"a":[{"a":"}"}]}}}   `;
    const { tensors, metadata } = decodeSafetensors(file(header, 8), 'x');
    expect([...tensors.keys()]).toEqual(['a', 'z', 'b']);
    expect(metadata).toEqual({});
  });

  it.each<[string, Uint8Array, string]>([
    ['no bytes', new Uint8Array(0), 'm: expected a safetensors file of 8 bytes or more, got 0 bytes'],
    [
      'text',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'),
      'm: expected a header of at most 100000000 bytes, got a length of 2336927755350992246. ' +
        'This looks like a Git LFS pointer; fetch the file that it stands for with `git lfs pull`.',
    ],
    [
      'a header cut short',
      file('{}          ').subarray(0, 12),
      'm: expected a header of 12 bytes, got 4 bytes after its length. The file is cut short.',
    ],
    [
      'bytes that are not UTF-8',
      Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff),
      'm: expected a header of UTF-8 text, got bytes that are not UTF-8',
    ],
    ['a space before the header', file(' {}'), 'm: expected a header that starts with {, got " "'],
    ['a byte order mark', file('\ufeff{}'), 'm: expected a header that starts with {, got "\ufeff"'],
    ['an array', file('[]'), 'm: expected a header that starts with {, got "["'],
    ['an empty header', file(''), 'm: expected a header that starts with {, got ""'],
    ['invalid JSON', file('{"a":}'), 'm: expected a header of JSON, got invalid JSON'],
    [
      'a key twice',
      file(`{"a":${f32('[1]', '[0,4]')},"\\u0061" :${f32('[1]', '[0,4]')}}`, 4),
      'm: expected every key once, got "a" twice',
    ],
    [
      'a metadata key twice',
      file('{"__metadata__":{"k":"1","k":"2"}}'),
      'm: expected every key once, got "k" twice',
    ],
    [
      'half a surrogate pair',
      file(`{"\\ud800":${f32('[0]', '[0,0]')}}`),
      'm: expected names of Unicode text, got "\\ud800"',
    ],
    [
      'metadata that are no object',
      file('{"__metadata__":[]}'),
      'm: __metadata__: expected an object of strings, got []',
    ],
    [
      'metadata that are no strings',
      file('{"__metadata__":{"k":1}}'),
      'm: __metadata__: expected Unicode text as "k", got 1',
    ],
    [
      'a tensor that is no object',
      file('{"a":3}'),
      'm: tensor "a": expected an object of dtype, shape and data_offsets, got 3',
    ],
    [
      'an unknown element type',
      file('{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1),
      'm: tensor "a": expected a dtype of U64, I64, F64, F32, U32, I32, BF16, F16, U16, I16, I8, U8, BOOL, ' +
        'got "F8_E4M3"',
    ],
    ['no shape', file('{"a":{"dtype":"F32"}}'), 'm: tensor "a": expected a shape of counts, got none'],
    [
      'a negative extent',
      file(`{"a":${f32('[-1]', '[0,4]')}}`, 4),
      'm: tensor "a": expected a shape of counts, got [-1]',
    ],
    [
      'a fractional extent',
      file(`{"a":${f32('[1.5]', '[0,6]')}}`, 6),
      'm: tensor "a": expected a shape of counts, got [1.5]',
    ],
    [
      'a range that ends before it starts',
      file(`{"a":${f32('[1]', '[4,0]')}}`, 4),
      'm: tensor "a": expected data_offsets [start, end] in ascending order, got [4,0]',
    ],
    [
      'a range of three numbers',
      file(`{"a":${f32('[1]', '[0,4,8]')}}`, 8),
      'm: tensor "a": expected data_offsets [start, end] in ascending order, got [0,4,8]',
    ],
    [
      'a range that does not fit the shape',
      file(`{"a":${f32('[2]', '[0,4]')}}`, 4),
      'm: tensor "a": expected 8 bytes for float32[2], got 4',
    ],
    [
      'extents whose product overflows',
      file(`{"a":${f32('[9007199254740991,9007199254740991,0]', '[0,4]')}}`, 4),
      'm: tensor "a": expected 0 bytes for float32[9007199254740991, 9007199254740991, 0], got 4',
    ],
    [
      'a hole',
      file(`{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[8,12]')}}`, 12),
      'm: tensor "b": expected data from byte 4 on, after the tensor before it, got from byte 8',
    ],
    [
      'an overlap',
      file(`{"a":${f32('[2]', '[0,8]')},"b":${f32('[1]', '[4,8]')}}`, 8),
      'm: tensor "b": expected data from byte 8 on, after the tensor before it, got from byte 4',
    ],
    [
      'data that are cut short',
      file(`{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[4,8]')}}`, 7),
      'm: tensor "b": expected data up to byte 8, got a file that ends after 7. The file is cut short.',
    ],
    [
      'data that belong to no tensor',
      file(`{"a":${f32('[1]', '[0,4]')}}`, 5),
      'm: expected 4 bytes of data, got 5',
    ],
  ])('refuses %s', (_, bytes, message) => {
    expect(failure(() => decodeSafetensors(bytes, 'm'))).toBe(`input/safetensors: ${message}`);
  });

  it('fails with its own error on every truncation of a file', () => {
    for (let length = 0; length < fixture.length; length++) {
      expect(failure(() => decodeSafetensors(fixture.subarray(0, length), 'm'))).toMatch(
        /^input\/safetensors: m/,
      );
    }
  });
});

describe('a published model', () => {
  const path = sharedPath('models/minilm-l6/model.safetensors');
  it.skipIf(path === undefined)('is read whole', () => {
    const { tensors } = decodeSafetensors(readFileSync(path!), 'model.safetensors');
    const words = tensors.get('embeddings.word_embeddings.weight')!;
    expect([words.dtype, words.shape]).toEqual(['float32', [30522, 384]]);
    // MiniLM-L6-H384 has 22.7 million parameters.
    const count = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(Math.round(count / 1e5)).toBe(227);
  });
});
