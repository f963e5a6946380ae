import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { aboveFrontier, layerDepths, placeOf } from '../../../src/methods/gspf/frontier.ts';
import { textEncoder } from '../../../src/models/architecture.ts';
import {
  classifierGraph,
  classifierParameters,
  withCrossEntropy,
} from '../../../src/models/sequence-classification.ts';
import { failure } from '../../data/failure.ts';

/** x + each weight in turn. */
function chain(names: readonly string[]): Graph {
  const builder = new GraphBuilder();
  const scalar = (name: string) => ({ name, dtype: 'float32', shape: [1] }) as const;
  let value = builder.input(scalar('x'));
  for (const name of names) value = builder.op('Add', [value, builder.input(scalar(name))]);
  return builder.build('chain', [scalar(value)]);
}

const names = [
  'm.embeddings.w',
  'm.layer.0.w',
  'm.layer.0.norm.w',
  'm.layer.1.w',
  'm.layer.10.w',
  'm.pooler.w',
  'classifier.w',
];

test('layers are numbered in the order in which the graph uses them', () => {
  const depths = layerDepths(chain(names), names.toReversed());
  expect(depths.layers).toBe(3);
  expect(names.map(depths.of)).toEqual([-1, 0, 0, 1, 2, 3, 3]);
});

test('what is at or above the frontier stays', () => {
  const depths = layerDepths(chain(names), names);
  expect(aboveFrontier(names, 'none', depths)).toEqual(names);
  expect(aboveFrontier(names, 0, depths)).toEqual(names.slice(1));
  expect(aboveFrontier(names, 2, depths)).toEqual(names.slice(4));
  expect(failure(() => aboveFrontier(names, 4, depths))).toContain('select.frontier: expected at most 3');
  expect(failure(() => aboveFrontier(names.slice(0, 2), 1, depths))).toContain('some eligible tensor');
});

test('a layer of two stages, each with matrices and a sum around it, has two halves', () => {
  const builder = new GraphBuilder();
  const own: string[] = [];
  const weight = (name: string, shape: readonly number[] = [4, 4]): string => {
    own.push(name);
    return builder.input({ name, dtype: 'float32', shape });
  };
  const mask = builder.op('Neg', [builder.input({ name: 'mask', dtype: 'float32', shape: [1, 4] })]);
  let x = builder.op('MatMul', [
    builder.input({ name: 'x', dtype: 'float32', shape: [3, 4] }),
    weight('in.w'),
  ]);
  for (const layer of ['layer.0', 'layer.1']) {
    const query = builder.op('MatMul', [x, weight(`${layer}.query.w`)]);
    const masked = builder.op('Mul', [query, mask]);
    const mixed = builder.op('MatMul', [masked, builder.op('Transpose', [weight(`${layer}.value.w`)])]);
    x = builder.op('Mul', [builder.op('Add', [x, mixed]), weight(`${layer}.norm.w`, [4])]);
    const inner = builder.op('Relu', [builder.op('MatMul', [x, weight(`${layer}.up.w`)])]);
    x = builder.op('Add', [x, builder.op('MatMul', [inner, weight(`${layer}.down.w`)])]);
    x = builder.op('Mul', [x, weight(`${layer}.last.w`, [4])]);
  }
  const graph = builder.build('halves', [{ name: x, dtype: 'float32', shape: [3, 4] }]);
  const depths = layerDepths(graph, own);
  expect(depths.layers).toBe(2);
  expect(own.map(depths.of)).toEqual([-1, 0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1, 1.5, 1.5, 1.5]);
  expect(aboveFrontier(own, 0.5, depths)).toEqual(own.slice(4));
  expect(aboveFrontier(own, 1, depths)).toEqual(own.slice(7));
  expect(placeOf(1.5, 2)).toBe('the second half of layer 1 (of 0 to 1)');
});

test('a sum around two products makes them one stage', () => {
  const builder = new GraphBuilder();
  const scalar = (name: string) => builder.input({ name, dtype: 'float32', shape: [4, 4] });
  const start = builder.op('MatMul', [scalar('x'), scalar('m.layer.0.a.w')]);
  const first = builder.op('MatMul', [start, scalar('m.layer.0.b.w')]);
  const sum = builder.op('Add', [builder.op('MatMul', [first, scalar('m.layer.0.c.w')]), start]);
  const graph = builder.build('past', [{ name: sum, dtype: 'float32', shape: [4, 4] }]);
  const own = ['a', 'b', 'c'].map((name) => `m.layer.0.${name}.w`);
  // The first product is a stage of its own; the sum goes past the others.
  expect(own.map(layerDepths(graph, own).of)).toEqual([0, 0.5, 0.5]);
});

const architectures = new URL('../../fixtures/models/', import.meta.url);

const folders = readdirSync(architectures, { withFileTypes: true }).filter((entry) => entry.isDirectory());

test.each(folders.map(({ name }) => name))(
  'the second half of a layer of %s is its feed-forward network',
  (name) => {
    const config = readFileSync(new URL(`${name}/config.json`, architectures), 'utf8');
    const encoder = textEncoder(JSON.parse(config), name);
    const own = classifierParameters(encoder, 2).map((parameter) => parameter.name);
    const depths = layerDepths(withCrossEntropy(classifierGraph(encoder, 2)), own);
    const inLayers = own.filter((tensor) => depths.of(tensor) >= 0 && depths.of(tensor) < depths.layers);
    const halves = inLayers.filter((tensor) => depths.of(tensor) % 1 !== 0);
    const networks = inLayers.filter((tensor) => !/atte?n|sa_layer_norm|rel_embeddings/.test(tensor));
    expect(inLayers.length).toBeGreaterThan(networks.length);
    expect(halves).toEqual(networks);
  },
);
