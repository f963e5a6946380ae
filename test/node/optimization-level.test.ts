import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.ts';
import { float, int, type StaticGraph } from '../../src/graph/graph.ts';
import { optimizationLevel } from '../../src/node/optimization-level.ts';
import { encodeModel } from '../../src/onnx/encode.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Shape } from '../../src/tensor.ts';
import { beginRun } from '../../src/training/begin-run.ts';
import { environment, model, task } from '../training/tiny-task.ts';

function graphOf(shape: Shape, build: (builder: GraphBuilder, x: string) => string): StaticGraph {
  const builder = new GraphBuilder();
  builder.input({ name: 'x', dtype: 'float32', shape });
  const y = build(builder, 'x');
  const graph = builder.build('layer', [{ name: y, dtype: 'float32', shape }]);
  return specialize(graph, { dims: {}, variables: new Set() });
}

const parameter = (builder: GraphBuilder, name: string, shape: Shape): string =>
  builder.input({ name, dtype: 'float32', shape });

const scalar = (builder: GraphBuilder, value: number): string =>
  builder.initializer(`${value}`, float32([], Float32Array.of(value)));

/** The operators that onnxruntime runs of a graph at a level. */
async function operators(
  graph: StaticGraph,
  graphOptimizationLevel: 'disabled' | 'basic' | 'all',
): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), 'gspf-'));
  const path = join(directory, 'optimized.onnx');
  const session = await ort.InferenceSession.create(encodeModel(graph), {
    graphOptimizationLevel,
    optimizedModelFilePath: path,
    logSeverityLevel: 3,
  });
  await session.release();
  const { graph: optimized } = fromBinary(ModelProtoSchema, readFileSync(path));
  rmSync(directory, { recursive: true });
  return (optimized?.node ?? []).map(({ opType }) => opType);
}

test('of a convolution onnxruntime makes a faster one beyond its basic level', async () => {
  const graph = graphOf([1, 16, 8, 8], (builder, x) => {
    const weight = builder.initializer('w', float32([16, 16, 1, 1], new Float32Array(256).fill(0.1)));
    return builder.op('Relu', [builder.op('Conv', [x, weight])]);
  });
  expect(optimizationLevel(graph)).toBe('all');
  expect(await operators(graph, 'basic')).toEqual(['Conv', 'Relu']);
  expect(await operators(graph, 'all')).not.toContain('Relu');
});

const normInParts = graphOf([4, 8], (builder, x) => {
  const mean = builder.op('ReduceMean', [x, builder.ints([-1])]);
  const centred = builder.op('Sub', [x, mean]);
  const squares = builder.op('Pow', [centred, scalar(builder, 2)]);
  const variance = builder.op('ReduceMean', [squares, builder.ints([-1])]);
  const deviation = builder.op('Sqrt', [builder.op('Add', [variance, scalar(builder, 1e-5)])]);
  const normed = builder.op('Div', [centred, deviation]);
  const vector = (name: string): string =>
    builder.initializer(name, float32([8], new Float32Array(8).fill(2)));
  return builder.op('Add', [builder.op('Mul', [normed, vector('gain')]), vector('bias')]);
});

const geluInParts = graphOf([4, 8], (builder, x) => {
  const grown = builder.op('Erf', [builder.op('Div', [x, scalar(builder, Math.SQRT2)])]);
  const shifted = builder.op('Add', [grown, scalar(builder, 1)]);
  return builder.op('Mul', [builder.op('Mul', [x, shifted]), scalar(builder, 0.5)]);
});

const bareProduct = graphOf([4, 8], (builder, x) => {
  const product = builder.op('MatMul', [x, parameter(builder, 'w', [8, 8])]);
  return builder.op('Add', [product, parameter(builder, 'b', [8])]);
});

const wholeOperators = graphOf([4, 8], (builder, x) => {
  const product = builder.op('Gemm', [x, parameter(builder, 'w', [8, 8]), parameter(builder, 'b', [8])]);
  const norm = { axis: int(-1), epsilon: float(1e-5) };
  const normed = builder.op('LayerNormalization', [product, parameter(builder, 'gain', [8])], norm);
  return builder.op('Softmax', [builder.op('Gelu', [normed])], { axis: int(-1) });
});

test.each([
  ['a norm in its parts', normInParts, ['LayerNormalization']],
  ['GELU in its parts', geluInParts, ['Gelu']],
  ['a product without its bias', bareProduct, ['Gemm']],
])('of %s it makes at its basic level what it makes beyond', async (_, graph, expected) => {
  expect(optimizationLevel(graph)).toBe('basic');
  expect(await operators(graph, 'basic')).toEqual(expected);
  expect(await operators(graph, 'all')).toEqual(expected);
});

test('of whole operators it makes nothing else at any level', async () => {
  expect(optimizationLevel(wholeOperators)).toBe('disabled');
  for (const level of ['disabled', 'basic', 'all'] as const)
    expect(await operators(wholeOperators, level)).toEqual(['Gemm', 'LayerNormalization', 'Gelu', 'Softmax']);
});

test('of a step of an encoder it takes a few views away at its basic level', async () => {
  const { run } = await beginRun(model, task, { lr: 1e-3, batchSize: 22 }, environment, {});
  const names = [...run.prepared.weights.keys()];
  const all = new Map(names.map((name) => [name, 'all'] as const));
  const graph = run.passes.gradientGraph(all, { batch: 22, sequence: 6 }, true);
  await run.release();
  expect(optimizationLevel(graph)).toBe('disabled');
  const [as, basic] = [await operators(graph, 'disabled'), await operators(graph, 'basic')];
  const computing = (opTypes: readonly string[]): readonly string[] =>
    opTypes.filter((opType) => !/^(Reshape|Transpose|Identity|Squeeze|Unsqueeze)$/.test(opType)).sort();
  expect(computing(basic)).toEqual(computing(as));
  expect(basic.length).toBeLessThan(as.length);
});
