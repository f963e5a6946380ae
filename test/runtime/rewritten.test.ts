import { expect, test } from 'vitest';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import { fromNumeric, toNumeric } from '../../src/ops/numeric.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { isFloat, zeros } from '../../src/tensor.ts';
import { rewrittenSpecs } from '../gradcheck/rewritten-specs.ts';
import { instantiate, type Spec } from '../gradcheck/spec.ts';
import { relativeError } from '../numbers.ts';

const TOLERANCE = 1e-5;

/** What onnxruntime cannot run as the specs write it. */
const notRun: Readonly<Record<string, string>> = {
  'com.microsoft.BiasSoftmax: scores and a mask': 'it has no kernel for the CPU',
  'com.microsoft.MultiHeadAttention: packed': 'it has no kernel for the CPU',
  'com.microsoft.SimplifiedLayerNormalization: the last axis': 'it is registered without a domain',
  'RotaryEmbedding: positions': 'it is of opset 23, the files are of 20',
  'RotaryEmbedding: neighbours, a part of each head, tables by place':
    'it is of opset 23, the files are of 20',
  'Loop: a number of passes': 'its body would have to declare types',
  'Loop: one pass': 'its body would have to declare types',
  'Loop: until a condition': 'its body would have to declare types',
};
const reasonOf = ({ op, about }: Spec): string | undefined => notRun[`${op}: ${about}`];

for (const spec of rewrittenSpecs.filter(reasonOf)) {
  test.skip(`${spec.op}, ${spec.about}: onnxruntime does not run it: ${reasonOf(spec)}`, () => {});
}

// onnxruntime runs the node itself, the reference evaluator what takes its place.
test.each(rewrittenSpecs.filter((spec) => reasonOf(spec) === undefined))(
  '$op, $about: what takes its place computes the same',
  async (spec) => {
    const { graph, specialized, feeds } = instantiate(spec, 'float32');
    const results = new Map(
      graph.outputs.map(({ name, dtype, shape }) => [name, zeros(dtype, shape.map(Number))]),
    );
    const executable = await onnxRuntime().compile(graph);
    await executable.run(feeds, results);
    await executable.release();
    const numeric = [...feeds].map(([name, tensor]) => [name, toNumeric(tensor)] as const);
    const expected = evaluateGraph(specialized, new Map(numeric));
    for (const [name, tensor] of results) {
      const [got, want] = [toNumeric(tensor), expected.get(name)!];
      const scale = want.data.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
      const limit = isFloat(want.dtype) ? TOLERANCE * scale : 0;
      const off = [...want.data].filter((value, i) => !(Math.abs(value - got.data[i]!) <= limit));
      expect(off, `${name}: onnxruntime ${got.data}, in its place ${want.data}`).toEqual([]);
    }
  },
);

test("ONNX's RotaryEmbedding is onnxruntime's, whose positions come second", async () => {
  const spec = rewrittenSpecs.find(({ op, about }) => op === 'RotaryEmbedding' && about === 'positions')!;
  const [x, cos, sin, positions] = spec.inputs;
  const { specialized, feeds } = instantiate(spec, 'float32');
  const theirs = instantiate(
    { ...spec, op: 'com.microsoft.RotaryEmbedding', inputs: [x, positions, cos, sin] },
    'float32',
  );
  const expected = zeros('float32', x!.shape);
  const executable = await onnxRuntime().compile(theirs.graph);
  const given = ['x0', 'x3', 'x1', 'x2'].map((name, i) => [`x${i}`, feeds.get(name)!] as const);
  await executable.run(new Map(given), new Map([['y', expected]]));
  await executable.release();
  const numeric = [...feeds].map(([name, tensor]) => [name, toNumeric(tensor)] as const);
  const got = evaluateGraph(specialized, new Map(numeric)).get('y')!;
  expect(relativeError(fromNumeric(got), expected)).toBeLessThan(TOLERANCE);
});
