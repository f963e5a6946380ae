// One classifier in five ONNX files, each trained on the same sentences by the same seed: scores, and how far the trained
// weights lie apart where all train the selection of the first.
//
//   python bench/method/export_classifier.py MODEL DIR
//   node bench/method/exporters.mjs DIR SST2_DIR [SENTENCES EVALUATION]

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fineTune, loadTask } from '../../dist/node/fine-tune.js';
import { loadOnnxModel } from '../../dist/node/onnx-model.js';
import { encodeSelection } from '../../dist/node/selection-file.js';

const [directory, data, sentences = '256', evaluation = '200'] = process.argv.slice(2);
const at = (path) => join(directory, path);
const exporting = ['export', '--model', at('model'), '--format', 'onnx', '--out', at('gspf'), '--overwrite'];
execFileSync(process.execPath, ['dist/cli/bin.js', ...exporting]);

const options = { seed: 0, epochs: 2, lr: 3e-3, maxLength: 48 };
const task = await loadTask('sst2', {
  data,
  limitTrain: Number(sentences),
  limitEval: Number(evaluation),
});

/** How the elements of a matrix lie in another: as they are, transposed, or not at all. */
function layoutOf(mine, first) {
  if (mine.data.length !== first.data.length) return undefined;
  if (mine.data.every((value, i) => value === first.data[i])) return 'same';
  const [rows, columns] = mine.shape;
  if (mine.shape.length !== 2 || first.shape[0] !== columns) return undefined;
  const isTransposed = mine.data.every(
    (value, i) => value === first.data[(i % columns) * rows + Math.floor(i / columns)],
  );
  return isTransposed ? 'transposed' : undefined;
}

/** For each tensor of the first file the name and layout of the same values in another. */
function matchTensors(first, mine) {
  const pairs = new Map();
  for (const [name, tensor] of first) {
    for (const [other, candidate] of mine) {
      const layout = layoutOf(candidate, tensor);
      if (layout === undefined) continue;
      pairs.set(name, { name: other, layout });
      break;
    }
  }
  return pairs;
}

/** The place in another layout of an element of a tensor of the first file. */
function placeOf(index, { shape }, layout) {
  const [rows, columns] = shape;
  return layout === 'same' ? index : (index % columns) * rows + Math.floor(index / columns);
}

function inLayoutOf(selection, tensors, pairs) {
  return new Map(
    [...selection].map(([name, indices]) => {
      const { name: other, layout } = pairs.get(name);
      if (indices === 'all') return [other, 'all'];
      return [other, indices.map((index) => placeOf(index, tensors.get(name), layout)).sort()];
    }),
  );
}

const keysOf = (selection, tensors) =>
  new Set(
    [...selection].flatMap(([name, indices]) => {
      const all = indices === 'all' ? tensors.get(name).data.keys() : indices;
      return Array.from(all, (index) => `${name} ${index}`);
    }),
  );

function jaccard(a, b) {
  const common = [...a].filter((key) => b.has(key)).length;
  return common / (a.size + b.size - common);
}

function largestDifference(first, mine, pairs) {
  let largest = 0;
  for (const [name, { name: other, layout }] of pairs) {
    const [tensor, candidate] = [first.get(name), mine.get(other)];
    tensor.data.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - candidate.data[placeOf(i, tensor, layout)]));
    });
  }
  return largest;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

const files = [
  ['`gspf export`', 'gspf/onnx/model.onnx'],
  ['torch.onnx, TorchScript', 'script/model.onnx'],
  ['torch.onnx, dynamo', 'dynamo/model.onnx'],
  ['8 bits, DequantizeLinear', 'dequantized/model.onnx'],
  ['8 bits, MatMulInteger (`gspf export`)', 'gspf/onnx/model_quantized.onnx'],
];
row(
  'file',
  'before: accuracy, loss',
  'by its own selection',
  'weights',
  'selected as in the first',
  'by the selection of the first',
  'weights apart',
);
row(...Array.from({ length: 7 }, () => '---'));

const score = ({ accuracy, loss }) => `${percent(accuracy)}, ${loss.toFixed(6)}`;

/** Trains a selection without a warm-up: the tuned tensors and the score. */
async function trainSelected(model, selection, baseSha256) {
  const selectionFile = at('selection.safetensors');
  writeFileSync(selectionFile, encodeSelection(selection, baseSha256));
  const { patch, report } = await fineTune(model, task, { ...options, selectionFile });
  return { tuned: await model.with(patch).readTensors(), metrics: report.metrics };
}

let first;
let moved = 0;
for (const [name, path] of files) {
  const model = await loadOnnxModel(at(path), { threads: 1 });
  const base = await model.readTensors();
  const before = await model.evaluate(task);
  const { selection: own, report } = await fineTune(model, task, options);
  const { baseSha256 } = report.model;
  const cells = [name, score(before), score(report.metrics), report.active];
  if (first === undefined) {
    const { tuned, metrics } = await trainSelected(model, own, baseSha256);
    first = { base, tuned, selection: own };
    moved = largestDifference(base, tuned, matchTensors(base, base));
    cells.push('', score(metrics), '');
  } else {
    const pairs = matchTensors(first.base, base);
    if ([...first.selection.keys()].every((tensor) => pairs.has(tensor))) {
      const selection = inLayoutOf(first.selection, first.base, pairs);
      const { tuned, metrics } = await trainSelected(model, selection, baseSha256);
      cells.push(percent(jaccard(keysOf(selection, base), keysOf(own, base))), score(metrics));
      cells.push(largestDifference(first.tuned, tuned, pairs).toExponential(1));
    } else cells.push('', '', '');
  }
  row(...cells);
  await model.release();
}
console.log(`Weights of the first moved by up to ${moved.toExponential(1)}.`);
