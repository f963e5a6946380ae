import { expect } from 'vitest';
import type { GraphBuilder } from '../../src/graph/builder.ts';
import type { StaticGraph } from '../../src/graph/graph.ts';
import { onnxRuntime } from '../../src/node/onnxruntime.ts';
import type { Backend } from '../../src/runtime/backend.ts';
import { referenceBackend } from '../../src/runtime/reference.ts';
import { specialize } from '../../src/specialize/specialize.ts';
import { float32, type Shape, sizeOf, type Tensor, zeros } from '../../src/tensor.ts';

/** What was built, with these float32 outputs. */
export function specialized(
  builder: GraphBuilder,
  outputs: readonly { readonly name: string; readonly shape: Shape }[],
): StaticGraph {
  const typed = outputs.map((output) => ({ ...output, dtype: 'float32' as const }));
  return specialize(builder.build('built', typed), { dims: {}, variables: new Set() });
}

/**
 * onnxruntime, for which graphs are lowered, computes what the reference makes of a graph as it is.
 *
 * @param unit What values are compared in, to 5e-5 of it: of the size of the sums that the graph makes.
 */
export async function expectSameValues(graph: StaticGraph, unit = 1): Promise<void> {
  const wanted = await valuesOf(referenceBackend, graph);
  const got = await valuesOf(onnxRuntime({ threads: 1 }), graph);
  for (const [name, values] of wanted) {
    got.get(name)?.forEach((value, i) => {
      expect(value / unit, name).toBeCloseTo((values[i] ?? Number.NaN) / unit, 4);
    });
  }
}

async function valuesOf(backend: Backend, graph: StaticGraph): Promise<Map<string, readonly number[]>> {
  const results = new Map(
    graph.outputs.map(({ name, shape }) => [name, zeros('float32', shape.map(Number))] as const),
  );
  const executable = await backend.compile(graph);
  await executable.run(feedsOf(graph), results);
  await executable.release();
  return new Map([...results].map(([name, { data }]) => [name, Array.from(data, Number)]));
}

/** Distinct values, of both signs. */
function feedsOf({ inputs }: StaticGraph): Map<string, Tensor> {
  const feeds = new Map<string, Tensor>();
  inputs.forEach(({ name, shape }, i) => {
    const extents = shape.map(Number);
    const values = Array.from({ length: sizeOf(extents) }, (_, j) => Math.sin(j + 100 * i));
    feeds.set(name, float32(extents, values));
  });
  return feeds;
}
