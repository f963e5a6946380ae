import { expect, test } from 'vitest';
import { heatMapSvg } from '../../../src/figures/heat-map.ts';
import { selectionMap } from '../../../src/methods/gspf/selection-map.ts';

const sizes = {
  'm.emb.w': 100,
  'm.layer.0.a.w': 10,
  'm.layer.0.b': 2,
  'm.layer.2.a.w': 10,
  'm.layer.10.a.w': 10,
  'head<1>.w': 4,
};
const map = selectionMap(sizes, { 'm.layer.0.a.w': 3, 'm.layer.10.a.w': 1, 'head<1>.w': 4 });

test('types stand in rows, layers by number in columns, the rest below', () => {
  expect(map.layers).toEqual(['m.layer.0', 'm.layer.2', 'm.layer.10']);
  expect(map.types.map(({ type, cells }) => [type, ...cells.map((cell) => cell?.selected ?? null)])).toEqual([
    ['a.w', 3, 0, 1],
    ['b', 0, null, null],
  ]);
  expect(map.others.map(({ tensor, selected, weights }) => [tensor, selected, weights])).toEqual([
    ['m.emb.w', 0, 100],
    ['head<1>.w', 4, 4],
  ]);
  expect([map.selected, map.weights]).toEqual([8, 136]);
});

test('the figure names each tensor with its numbers, and is well-formed', () => {
  const svg = heatMapSvg(map, 'A & B');
  const hints = [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map(([, hint]) => hint);
  expect(hints).toEqual([
    'm.layer.0.a.w: 3 of 10 weights',
    'm.layer.2.a.w: 0 of 10 weights',
    'm.layer.10.a.w: 1 of 10 weights',
    'm.layer.0.b: 0 of 2 weights',
    'm.emb.w: 0 of 100 weights',
    'head&lt;1&gt;.w: 4 of 4 weights',
  ]);
  expect([...svg.matchAll(/>(\d+(?:\.\d+)?)<\/text>/g)].map(([, number]) => number)).toEqual([
    ...['0', '2', '10'],
    ...['38', '13', '50'],
  ]);
  const opened = [...svg.matchAll(/<(\w+)(?:[^>]*[^/>])?>/g)].map(([, name]) => name);
  const closed = [...svg.matchAll(/<\/(\w+)>/g)].map(([, name]) => name);
  expect(opened.sort()).toEqual(closed.sort());
  expect(svg).toContain('A &amp; B');
});
