// The statistics of a selection by place: what bench/method/drawn-mask.mjs draws masks with. JSON on standard output.
//
//   node bench/method/mask-statistics.mjs SELECTION_DIR MODEL_DIR > bench/method/mask-statistics.json

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openModelDirectory } from '../../dist/node/model-directory.js';
import { readSelection } from '../../dist/node/selection-file.js';

const [directory, directoryOfModel] = process.argv.slice(2);
const report = JSON.parse(readFileSync(join(directory, 'selection.json'), 'utf8'));
const selection = await readSelection(join(directory, 'selection.safetensors'));
const model = await openModelDirectory(directoryOfModel);
const shapes = new Map([...(await model.readTensors())].map(([name, { shape }]) => [name, shape]));

const layerOf = (name) => Number(/\.layer\.(\d+)\./.exec(name)?.[1] ?? -1);
const layers = 1 + Math.max(...[...shapes.keys()].map(layerOf));
const round = (value) => Number(value.toPrecision(4));
const tensors = [];
let total = 0;
for (const [name, shape] of shapes) {
  const indices = selection.get(name);
  const size = shape.reduce((a, b) => a * b, 1);
  const list = indices === 'all' ? Array.from({ length: size }, (_, i) => i) : [...(indices ?? [])];
  if (list.length === 0) continue;
  total += list.length;
  const columns = shape[1] ?? 1;
  tensors.push({
    // A layer by how far from the last it is.
    name: name.replace(/\.layer\.\d+\./, '.layer.*.'),
    fromTop: layerOf(name) === -1 ? null : layers - 1 - layerOf(name),
    density: list.length / size,
    rows: new Set(list.map((index) => Math.floor(index / columns))).size / shape[0],
    columns: new Set(list.map((index) => index % columns)).size / columns,
  });
}
const rounded = tensors.map(({ density, rows, columns, ...rest }) => ({
  ...rest,
  density: round(density),
  rows: round(rows),
  columns: round(columns),
}));
console.log(JSON.stringify({ task: report.task.name, layers, selected: total, tensors: rounded }, null, 1));
