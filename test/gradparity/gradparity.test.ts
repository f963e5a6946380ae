import { describe, expect, test } from 'vitest';
import { cotangentName, gradientName, vectorJacobianProduct } from '../../src/autodiff/differentiate.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { bindDimensions, specialize } from '../../src/specialize/specialize.ts';
import { type Tensor, zeros } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { norm, relativeError } from '../numbers.ts';
import { type Case, gradientCases, ownCases, under } from './cases.ts';

const LIMIT = 1e-4;

describe('gradients of exported models equal those of PyTorch in float64', () => {
  const given = gradientCases();
  if (given.length === 0) test.skip('no exported models to compare with', () => {});
  for (const gradientCase of [...ownCases(), ...given]) {
    const { name, lacking } = gradientCase;
    if (lacking.length > 0) {
      test(`${name}: refused, for want of ${lacking.join(', ')}`, (context) => {
        console.warn(`skipped: ${name} needs ${lacking.join(', ')}`);
        const message = failure(() => specialized(gradientCase));
        expect(message).toMatch(/^graph\/operator: /);
        expect(lacking.some((opType) => message.includes(`got ${opType}`))).toBe(true);
        context.skip(`needs ${lacking.join(', ')}`);
      });
      continue;
    }
    test(name, async () => {
      const results = await computed(gradientCase);
      expect(misses(gradientCase, results)).toEqual([]);
    });
  }
});

function specialized({ graph, inputs, expected }: Case) {
  const dims = bindDimensions(graph, inputs);
  return specialize(graph, { dims, variables: new Set(under('grad', expected).keys()) });
}

/** The outputs, and the gradient of every initializer and input that has one, by onnxruntime. */
async function computed(gradientCase: Case): Promise<ReadonlyMap<string, Tensor>> {
  const { inputs, expected } = gradientCase;
  const cotangents = under('cotangent', expected);
  const forward = specialized(gradientCase);
  const backward = vectorJacobianProduct(forward, {
    outputs: [...cotangents.keys()],
    wrt: [...under('grad', expected).keys(), ...under('grad_input', expected).keys()],
  });
  const results = new Map(
    backward.outputs.map(({ name, dtype, shape }) => [name, zeros(dtype, shape.map(Number))]),
  );
  const executable = await onnxRuntime().compile(backward);
  const seeds = [...cotangents].map(([name, tensor]) => [cotangentName(name), tensor] as const);
  await executable.run(new Map([...inputs, ...seeds]), results);
  await executable.release();
  return results;
}

/** What differs from the expectations by more than the fixtures' README allows. */
function misses({ expected, meta }: Case, results: ReadonlyMap<string, Tensor>): readonly string[] {
  const outputs = [...under('output', expected)].map(([name, tensor]) => ({ name, tensor, result: name }));
  const gradients = [...under('grad', expected), ...under('grad_input', expected)].map(([name, tensor]) => ({
    name,
    tensor,
    result: gradientName(name),
  }));
  expect(gradients.length).toBeGreaterThan(0);
  const zero = new Set(meta.zero_gradient);
  const floor = LIMIT * median(Object.values(meta.gradient_norms));
  return [...outputs, ...gradients].flatMap(({ name, tensor, result }) => {
    const got = results.get(result)!;
    expect({ result, shape: got.shape }).toEqual({ result, shape: tensor.shape });
    const isZero = result !== name && zero.has(name);
    const off = isZero ? norm(got) : relativeError(got, tensor);
    return off <= (isZero ? floor : LIMIT) ? [] : [`${result}: ${off}`];
  });
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle - 0.5)]! + sorted[Math.floor(middle)]!) / 2;
}
