import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffTensors } from '../../src/patch/diff.ts';
import { baseSha256 } from '../../src/patch/hash.ts';
import type { Patch } from '../../src/patch/patch.ts';
import { verifyPatch } from '../../src/patch/verify.ts';
import { float32 } from '../../src/tensor.ts';
import { bitsByName } from '../safetensors/bits.ts';
import { modelPairs } from './arbitraries.ts';
import { createSha256 } from './sha256.ts';
import { base, metadata, tuned } from './worked-example.ts';

describe('verifyPatch', () => {
  it('finds nothing wrong with the patch between any two models, and changes neither', () => {
    fc.assert(
      fc.property(modelPairs, ({ base, tuned }) => {
        const before = bitsByName(base);
        const sha256 = baseSha256(base, createSha256);
        const patch = diffTensors(base, tuned, { ...metadata, baseSha256: sha256 });
        const checks = verifyPatch(base, patch, { createSha256 });
        expect(checks).toEqual([
          { name: 'base', ok: true, detail: `The base has sha256 ${sha256}.` },
          { name: 'fit', ok: true, detail: 'Names, types and indices fit the base.' },
          { name: 'apply', ok: true, detail: 'What the patch does not name is unchanged.' },
          { name: 'revert', ok: true, detail: 'Every bit is restored.' },
        ]);
        expect(bitsByName(base)).toEqual(before);
      }),
    );
  });

  it('reports another base and updates that do not fit', () => {
    const update = { kind: 'sparse', indices: Float64Array.of(200), values: float32([1], [0]) } as const;
    const tensors: Patch['tensors'] = new Map([['encoder.weight', update]]);
    const patch: Patch = { metadata: { ...metadata, baseSha256: '0'.repeat(64) }, tensors, removed: [] };
    const [other, unfit, ...untried] = verifyPatch(base, patch, { createSha256 });
    expect(other!.ok).toBe(false);
    expect(other!.detail).toContain(`got sha256 ${metadata.baseSha256}`);
    expect(unfit).toEqual({
      name: 'fit',
      ok: false,
      detail: 'tensor "encoder.weight": expected indices below 200, the size of float32[20, 10], got 200',
    });
    expect(untried.map(({ name, ok }) => [name, ok])).toEqual([
      ['apply', false],
      ['revert', false],
    ]);
  });

  it('tries a patch that fits on a base whose hash differs no further', () => {
    const patch = diffTensors(base, tuned, { ...metadata, baseSha256: '0'.repeat(64) });
    expect(verifyPatch(base, patch, { createSha256 }).map(({ ok }) => ok)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });
});
