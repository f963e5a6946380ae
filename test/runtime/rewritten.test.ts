import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { OPSET, type StaticGraph } from '../../src/graph/graph.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { toNumeric } from '../../src/ops/numeric.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { isFloat, type Tensor } from '../../src/tensor.ts';
import { schemas } from '../docs/operators.ts';
import { rewrittenSpecs } from '../gradcheck/rewritten-specs.ts';
import { instantiate, type Spec } from '../gradcheck/spec.ts';

const TOLERANCE = 1e-5;

/** What onnxruntime cannot run as the specs write it. */
const notRun: Readonly<Record<string, string>> = {
  'com.microsoft.BiasSoftmax: scores and a mask': 'it has no kernel for the CPU',
  'com.microsoft.MultiHeadAttention: packed': 'it has no kernel for the CPU',
  'com.microsoft.SimplifiedLayerNormalization: the last axis': 'it is registered without a domain',
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
    const results = await run(graph, spec.op, feeds);
    const numeric = [...feeds].map(([name, tensor]) => [name, toNumeric(tensor)] as const);
    const expected = evaluateGraph(specialized, new Map(numeric));
    expect(results.length).toBe(graph.outputs.length);
    for (const [name, got] of results) {
      const want = expected.get(name)!;
      const scale = want.data.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
      const limit = isFloat(want.dtype) ? TOLERANCE * scale : 0;
      const off = [...want.data].filter((value, i) => !(Math.abs(value - got[i]!) <= limit));
      expect(off, `${name}: onnxruntime ${got}, in its place ${want.data}`).toEqual([]);
    }
  },
);

/** The outputs of a graph as onnxruntime computes them, from a file of the first opset that has the operator. */
async function run(
  graph: StaticGraph,
  op: string,
  feeds: ReadonlyMap<string, Tensor>,
): Promise<readonly (readonly [string, readonly number[]])[]> {
  const model = fromBinary(ModelProtoSchema, encodeModel(graph));
  const version = BigInt(Math.max(OPSET, schemas[op]?.since[0] ?? 0));
  for (const entry of model.opsetImport) if (entry.domain === '') entry.version = version;
  const session = await ort.InferenceSession.create(toBinary(ModelProtoSchema, model), {
    logSeverityLevel: 3,
  });
  const given = [...feeds].map(([name, { dtype, shape, data }]) => {
    if (dtype === 'bfloat16') throw new Error('onnxruntime-node has no tensors of bfloat16');
    return [name, new ort.Tensor(dtype, data, [...shape])] as const;
  });
  const results = await session.run(Object.fromEntries(given));
  await session.release();
  return Object.entries(results).map(([name, { data }]) => [name, Array.from(data, Number)] as const);
}
