import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { encodeSafetensors, safetensorsChunks } from '../../src/safetensors/encode.ts';
import { bytesPerElement, float32, type Tensor, zeros } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { names, tensorMaps } from './arbitraries.ts';
import { bitsByName } from './bits.ts';

const metadatas = fc.dictionary(names, fc.string({ unit: 'binary' }));

describe('encodeSafetensors and decodeSafetensors', () => {
  it('restore every tensor and string to the bit', () => {
    fc.assert(
      fc.property(tensorMaps, metadatas, (tensors, metadata) => {
        const file = decodeSafetensors(encodeSafetensors(tensors, metadata), 'x');
        expect(bitsByName(file.tensors)).toEqual(bitsByName(tensors));
        expect(Object.entries(file.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
    );
  });

  it('write the same bytes whatever the order of tensors and strings', () => {
    fc.assert(
      fc.property(tensorMaps, metadatas, (tensors, metadata) => {
        const reversed = Object.fromEntries(Object.entries(metadata).reverse());
        const bytes = encodeSafetensors([...tensors].reverse(), reversed);
        expect(bytes).toEqual(encodeSafetensors(tensors, metadata));
      }),
    );
  });

  it('leave every tensor aligned, so that none is copied', () => {
    fc.assert(
      fc.property(tensorMaps, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        for (const { dtype, data } of decodeSafetensors(bytes, 'x').tensors.values()) {
          expect(data.byteOffset % bytesPerElement(dtype)).toBe(0);
          expect(data.buffer).toBe(bytes.buffer);
        }
      }),
    );
  });

  it('read a file at an odd place in memory by copying', () => {
    fc.assert(
      fc.property(tensorMaps, (tensors) => {
        const bytes = encodeSafetensors(tensors);
        const odd = new Uint8Array(bytes.length + 1).subarray(1);
        odd.set(bytes);
        expect(bitsByName(decodeSafetensors(odd, 'x').tensors)).toEqual(bitsByName(tensors));
      }),
    );
  });
});

describe('safetensorsChunks', () => {
  it('hands out the memory of the tensors themselves', () => {
    const tensor = float32([2], [1, 2]);
    const [header, data] = safetensorsChunks([['w', tensor]]);
    expect(header!.length % 8).toBe(0);
    expect(data!.buffer).toBe(tensor.data.buffer);
  });

  const one = float32([1], [1]);
  const ragged: Tensor = { ...zeros('float32', [2]), shape: [3] };
  it.each<[string, [string, Tensor][], string]>([
    [
      'a name given twice',
      [
        ['w', one],
        ['w', one],
      ],
      'tensor "w": expected every name once, got it twice',
    ],
    [
      'the reserved name',
      [['__metadata__', one]],
      'tensor "__metadata__": expected another name: this one is reserved',
    ],
    ['half a surrogate pair', [['\ud800', one]], 'tensor "\\ud800": expected a name of Unicode text'],
    [
      'data that do not fill the shape',
      [['w', ragged]],
      'tensor "w": expected 3 elements for float32[3], got 2',
    ],
  ])('refuses %s', (_, tensors, message) => {
    expect(failure(() => safetensorsChunks(tensors))).toBe(`input/safetensors: ${message}`);
  });

  it('refuses metadata that UTF-8 cannot hold', () => {
    expect(failure(() => safetensorsChunks([], { note: '\udc00' }))).toBe(
      'input/safetensors: metadata "note": expected Unicode text, got "\\udc00"',
    );
  });
});
