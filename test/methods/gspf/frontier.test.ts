import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.ts';
import type { Graph } from '../../../src/graph/graph.ts';
import { aboveFrontier, layerDepths } from '../../../src/methods/gspf/frontier.ts';
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
