import { describe, expect, test } from 'vitest';
import { modelGradients } from '../../src/node/gradients.ts';
import type { Tensor } from '../../src/tensor.ts';
import { rejection } from '../data/failure.ts';
import { norm, relativeError } from '../numbers.ts';
import { type Case, gradientCases, ownCases } from './cases.ts';

const LIMIT = 1e-4;

describe('gradients of exported models equal those of PyTorch in float64', () => {
  const given = gradientCases();
  if (given.length === 0) test.skip('no exported models to compare with', () => {});
  for (const gradientCase of [...ownCases(), ...given]) {
    const { name, lacking, graph, inputs, expected } = gradientCase;
    const computed = () => modelGradients(graph, inputs, expected, { wrtInputs: true });
    if (lacking.length > 0) {
      test(`${name}: refused, for want of ${lacking.join(', ')}`, async (context) => {
        console.warn(`skipped: ${name} needs ${lacking.join(', ')}`);
        const message = await rejection(computed());
        expect(message).toMatch(/^graph\/operator: /);
        expect(lacking.some((opType) => message.includes(`got ${opType}`))).toBe(true);
        context.skip(`needs ${lacking.join(', ')}`);
      });
      continue;
    }
    test(name, async () => {
      const { tensors } = await computed();
      expect(misses(gradientCase, tensors)).toEqual([]);
    });
  }
});

/** What differs from the expectations by more than the fixtures' README allows. */
function misses({ expected, meta }: Case, tensors: ReadonlyMap<string, Tensor>): readonly string[] {
  const wanted = [...expected].filter(([key]) => !key.startsWith('cotangent/'));
  expect(wanted.some(([key]) => key.startsWith('grad/'))).toBe(true);
  const zero = new Set(meta.zero_gradient.flatMap((name) => [`grad/${name}`, `grad_input/${name}`]));
  const floor = LIMIT * median(Object.values(meta.gradient_norms));
  return wanted.flatMap(([key, tensor]) => {
    const got = tensors.get(key);
    expect({ key, shape: got?.shape }).toEqual({ key, shape: tensor.shape });
    const off = zero.has(key) ? norm(got) : relativeError(got, tensor);
    return off <= (zero.has(key) ? floor : LIMIT) ? [] : [`${key}: ${off}`];
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle - 0.5)]! + sorted[Math.floor(middle)]!) / 2;
}
