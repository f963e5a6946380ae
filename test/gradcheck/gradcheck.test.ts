import { describe, expect, test } from 'vitest';
import { cotangentName, gradientName, vectorJacobianProduct } from '../../src/autodiff/differentiate.ts';
import type { StaticGraph } from '../../src/graph/graph.ts';
import { type NumericArray, opTypes } from '../../src/ops/definition.ts';
import { toNumeric } from '../../src/ops/numeric.ts';
import { rewrittenTypes } from '../../src/ops/rewrites.ts';
import { operators } from '../../src/ops/table.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { sizeOf } from '../../src/tensor.ts';
import { rewrittenSpecs } from './rewritten-specs.ts';
import { draws, inputName, instantiate, isDifferentiable, roundsWithin } from './spec.ts';
import { specs } from './specs.ts';

/** Half the distance of a central difference: truncation and rounding both stay near 1e-10 in float64. */
const STEP = 1e-5;
const TOLERANCE = 1e-6;
/** Operators with a gradient in integers. */
const takesIntegers: ReadonlySet<string> = new Set(['DequantizeLinear', 'MatMulInteger']);

test('every operator of the table has a spec, and every gradient rule is reached by one', () => {
  const missing = opTypes.flatMap((op) => {
    const own = specs.filter((spec) => spec.op === op);
    if (own.length === 0) return [op];
    // Integers that stand for reals are reached behind what rounds: straight-through.test.ts.
    const takesFloats = (i: number) => own.some(({ inputs }) => inputs[i]?.dtype === 'float');
    const rules = operators[op].gradients
      .map((_, i) => i)
      .filter((i) => isDifferentiable(op, i) && (takesFloats(i) || !takesIntegers.has(op)));
    const reached = new Set(own.flatMap((spec) => instantiate(spec, 'float64').wrt));
    return rules.filter((i) => !reached.has(inputName(i))).map((i) => `${op}, input ${i}`);
  });
  expect(missing).toEqual([]);
});

test('every operator that is replaced by others has a spec', () => {
  const covered = new Set([...specs, ...rewrittenSpecs].map(({ op }) => op));
  expect(rewrittenTypes.filter((op) => !covered.has(op))).toEqual([]);
});

test('no two specs have one name', () => {
  const names = [...specs, ...rewrittenSpecs].map(({ op, about }) => `${op}: ${about}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

describe('gradients agree with central differences in float64', () => {
  const cases = [...specs, ...rewrittenSpecs].filter((spec) => {
    const instance = instantiate(spec, 'float64');
    return instance.wrt.length > 0 && !roundsWithin(instance);
  });
  test.each(cases)('$op: $about', (spec) => {
    const { specialized, feeds, wrt } = instantiate(spec, 'float64');
    const outputs = spec.seeded.filter((name) => specialized.types.get(name)?.dtype.startsWith('float'));
    if (outputs.length === 0) return;
    const numeric = new Map([...feeds].map(([name, tensor]) => [name, toNumeric(tensor)]));
    const cotangents = new Map(outputs.map((name, i) => [name, cotangent(specialized, name, 100 + i)]));

    const backward = vectorJacobianProduct(specialized, { outputs, wrt });
    const fed = new Map([
      ...numeric,
      ...[...cotangents].map(([name, c]) => [cotangentName(name), c] as const),
    ]);
    const values = evaluateGraph(backward, fed);
    for (const name of wrt) {
      const { dtype, shape, data } = numeric.get(name)!;
      const gradient = values.get(gradientName(name))!;
      expect({ dtype: gradient.dtype, shape: gradient.shape }).toEqual({ dtype, shape });
      expect(backward.types.get(gradientName(name))).toEqual({ dtype, shape });
      const expected = data.map((_, i) => centralDifference(specialized, numeric, name, i, cotangents));
      expect(
        worst(gradient.data, expected),
        `${name}: got ${gradient.data}, expected ${expected}`,
      ).toBeLessThan(TOLERANCE);
    }
  });
});

function cotangent(graph: StaticGraph, output: string, stream: number): NumericArray {
  const { dtype, shape } = graph.types.get(output)!;
  return { dtype, shape, data: Float64Array.from(draws(sizeOf(shape), stream)) };
}

function centralDifference(
  graph: StaticGraph,
  feeds: ReadonlyMap<string, NumericArray>,
  name: string,
  index: number,
  cotangents: ReadonlyMap<string, NumericArray>,
): number {
  const lossAt = (shift: number): number => {
    const moved = { ...feeds.get(name)!, data: feeds.get(name)!.data.slice() };
    moved.data[index]! += shift;
    const values = evaluateGraph(graph, new Map([...feeds, [name, moved]]));
    return [...cotangents].reduce(
      (sum, [output, { data }]) =>
        sum + data.reduce((part, c, i) => part + c * values.get(output)!.data[i]!, 0),
      0,
    );
  };
  return (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
}

/** The largest difference, relative to the largest expected entry (to 1 where all are tiny). */
function worst(got: Float64Array, expected: Float64Array): number {
  const scale = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const difference = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - got[i]!)), 0);
  return difference / (scale > 1e-9 ? scale : 1);
}
