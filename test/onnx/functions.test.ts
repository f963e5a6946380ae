import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { decodeModel } from '../../src/onnx/decode.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { toNumeric } from '../../src/ops/numeric.ts';
import { evaluateGraph } from '../../src/runtime/reference.ts';
import { decodeSafetensors } from '../../src/safetensors/decode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import type { Tensor } from '../../src/tensor.ts';
import { failure } from '../data/failure.ts';
import { relativeError } from '../numbers.ts';

const file = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../fixtures/functions/${name}`, import.meta.url)));
const read = (bytes: Uint8Array): Graph => decodeModel(bytes, { source: 'model.onnx' });
const expected = decodeSafetensors(file('expected.safetensors'), 'expected').tensors;

function outputsOf(graph: Graph, positive: boolean) {
  const flag: Tensor = { dtype: 'bool', shape: [], data: Uint8Array.of(Number(positive)) };
  const x = expected.get('x')!;
  const feeds = new Map([
    ['x', toNumeric(x)],
    ['positive', toNumeric(flag)],
  ]);
  return evaluateGraph(specialize(graph, { dims: { n: 3 }, variables: new Set() }), feeds);
}

test.each([true, false])(
  'calls of local functions give what NumPy gives, read and written again: %s',
  (positive) => {
    const graph = read(file('model.onnx'));
    for (const inlined of [graph, read(encodeModel(graph))]) {
      const outputs = outputsOf(inlined, positive);
      expect(relativeError(outputs.get('y'), expected.get('y'))).toBeLessThan(1e-6);
      expect(relativeError(outputs.get('z'), expected.get(`z/${positive}`))).toBeLessThan(1e-6);
    }
  },
);

test('functions that call each other without end are refused', () => {
  const model = fromBinary(ModelProtoSchema, file('model.onnx'));
  const scaled = model.functions.find(({ name }) => name === 'Scaled')!;
  const call = model.graph!.node[0]!;
  scaled.node.push({ ...call, name: 'again' });
  expect(failure(() => read(toBinary(ModelProtoSchema, model)))).toMatch(
    /^input\/onnx: model\.onnx, function "\w+": expected calls at most 64 deep, got more/,
  );
});

test('a few functions that come to countless nodes are refused', () => {
  const model = fromBinary(ModelProtoSchema, file('model.onnx'));
  const scaled = model.functions.find(({ name }) => name === 'Scaled')!;
  const call = { ...scaled.node[1]!, domain: 'local', input: ['value'], output: ['out'], attribute: [] };
  model.functions = Array.from({ length: 40 }, (_, i) => {
    const twice = [`Twice${i - 1}`, `Twice${i - 1}`].map((opType) => ({ ...call, opType }));
    return { ...scaled, name: `Twice${i}`, node: i === 0 ? [scaled.node[1]!] : twice };
  });
  model.graph!.node = [{ ...call, opType: 'Twice39', input: ['x'], output: ['y'] }];
  expect(failure(() => read(toBinary(ModelProtoSchema, model)))).toMatch(
    /^input\/onnx: model\.onnx, function "Twice\d+": expected calls that come to at most 1000000 nodes, got more/,
  );
});
