import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseSha256 } from '../../src/patch/hash.ts';
import { float32, fromBytes, type Tensor } from '../../src/tensor.ts';
import { tensorMaps } from '../safetensors/arbitraries.ts';
import { bitsByName } from '../safetensors/bits.ts';
import { createSha256 } from './sha256.ts';

const hashOf = (...tensors: [string, Tensor][]): string => baseSha256(new Map(tensors), createSha256);

describe('baseSha256', () => {
  it('does not depend on the order of the tensors', () => {
    fc.assert(
      fc.property(tensorMaps, (tensors) => {
        expect(hashOf(...[...tensors].reverse())).toBe(hashOf(...tensors));
      }),
    );
  });

  it('differs for tensors that differ in a name, a type, a shape or a bit', () => {
    fc.assert(
      fc.property(tensorMaps, tensorMaps, (a, b) => {
        const same =
          JSON.stringify(Object.entries(bitsByName(a)).sort()) ===
          JSON.stringify(Object.entries(bitsByName(b)).sort());
        expect(hashOf(...a) === hashOf(...b)).toBe(same);
      }),
    );
    const hashes = [
      hashOf(['w', float32([2], [0, 1])]),
      hashOf(['w', float32([2], [-0, 1])]),
      hashOf(['w', float32([2, 1], [0, 1])]),
      hashOf(['w', float32([1, 2], [0, 1])]),
      hashOf(['v', float32([2], [0, 1])]),
      hashOf(['w', fromBytes('int32', [2], new Uint8Array(Float32Array.of(0, 1).buffer))]),
      hashOf(['w', float32([1], [0])], ['w1', float32([1], [1])]),
      hashOf(['w', float32([1], [0])], ['w2', float32([1], [1])]),
      hashOf(),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('sorts names by their UTF-8 bytes, not by their UTF-16 units', () => {
    const order: string[] = [];
    const tensor = float32([0], []);
    baseSha256(
      new Map([
        ['\u{1f600}', tensor],
        ['\uff5e', tensor],
        ['b', tensor],
        ['a.b', tensor],
        ['a', tensor],
      ]),
      () => ({
        update: (bytes) => void order.push(Buffer.from(bytes).toString()),
        hex: () => '',
      }),
    );
    const names = order.filter((text) => /^(\p{L}|a\.b|\uff5e|\u{1f600})$/u.test(text));
    expect(names).toEqual(['a', 'a.b', 'b', '\uff5e', '\u{1f600}']);
  });
});
