// Resident memory over thousands of steps of a small model: it must not grow. One line for every tenth of the steps.
//
//   node bench/method/flat-memory.mjs [MODEL] [STEPS] [METHOD]
//
// The model is that of the demo by default. Every batch has another length, so that all shapes are met early on.

import { fileURLToPath } from 'node:url';
import { fineTune, loadModel } from '../../dist/index.js';

const demo = fileURLToPath(new URL('../../demo/model', import.meta.url));
const [path = demo, steps = '5000', method = 'gspf'] = process.argv.slice(2);
const BATCH = 8;
const BATCHES = 100;
const epochs = Math.ceil(Number(steps) / BATCHES);

const words = ['the', 'a', 'good', 'bad', 'very', 'not'];
const train = Array.from({ length: BATCH * BATCHES }, (_, i) => ({
  text: Array.from({ length: 1 + (i % 20) }, (_, j) => words[(i * 7 + j * 3) % words.length]).join(' '),
  label: i % 2,
}));
const task = {
  kind: 'text-classification',
  name: 'random-words',
  labels: ['a', 'b'],
  train,
  evaluation: train.slice(0, 16),
  notes: [],
  primaryMetric: 'accuracy',
  evaluate: () => ({ accuracy: 0 }),
};

const model = await loadModel(path, { threads: 1 });
const tenth = (epochs * BATCHES) / 10;
const measured = [];
await fineTune(model, task, {
  method,
  batchSize: BATCH,
  epochs,
  lr: 1e-4,
  seed: 0,
  onProgress: ({ step, rssBytes }) => {
    if (step % tenth !== 0) return;
    measured.push(rssBytes / 1e6);
    console.log(`step ${String(step).padStart(6)}  ${(rssBytes / 1e6).toFixed(1)} MB`);
  },
});
const half = measured.slice(measured.length / 2);
console.log(`second half: ${Math.min(...half).toFixed(1)} to ${Math.max(...half).toFixed(1)} MB`);
await model.release();
