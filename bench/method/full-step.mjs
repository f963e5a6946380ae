// A step of full fine-tuning on random words of one length: forward, backward, clipping and AdamW. One JSON line.
//
//   node bench/method/full-step.mjs MODEL [BATCH] [LENGTH] [STEPS]
//
// PyTorch's, on random tokens: bench/peers/full_finetuning.py --model MODEL --batch BATCH --length LENGTH --steps STEPS.

import { readFileSync } from 'node:fs';
import { loadModel } from '../../dist/index.js';
import { beginRun } from '../../dist/training/begin-run.js';
import { WholeSet } from '../../dist/training/whole-set.js';

const [path, batchSize = '32', length = '32', steps = '15'] = process.argv.slice(2);
const WARM = 3;

/** Words that are one token each. */
const words = readFileSync(`${path}/vocab.txt`, 'utf8')
  .split('\n')
  .filter((word) => /^[a-z]{3,}$/.test(word));
let state = 1;
const draw = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const sentence = () => Array.from({ length: Number(length) - 2 }, () => words[draw(words.length)]).join(' ');
const examples = (count) => Array.from({ length: count }, (_, i) => ({ text: sentence(), label: i % 2 }));
const task = {
  kind: 'text-classification',
  name: 'random-words',
  labels: ['a', 'b'],
  train: examples(Number(batchSize) * (Number(steps) + WARM)),
  evaluation: examples(2),
  notes: [],
  primaryMetric: 'accuracy',
  evaluate: () => ({ accuracy: 0 }),
};

const status = () => {
  const text = readFileSync('/proc/self/status', 'utf8');
  const field = (name) => Math.round((Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) * 1024) / 1e6);
  return {
    rssMB: field('VmRSS'),
    anonMB: field('RssAnon'),
    fileMB: field('RssFile'),
    peakMB: field('VmHWM'),
  };
};

const model = await loadModel(path, { threads: 2 });
const options = { method: 'full', batchSize: Number(batchSize), epochs: 1, lr: 5e-5, seed: 0 };
const { run } = await beginRun(model, task, options, model.environment, {});
const active = new WholeSet(run);
const times = { gradients: [], update: [], step: [] };
const losses = [];
for (const [number, batch] of run.batches(1).entries()) {
  const startedAt = performance.now();
  losses.push(await run.computeGradients(batch, active.gradients));
  const computedAt = performance.now();
  active.update(options.lr);
  const endedAt = performance.now();
  if (number < WARM) continue;
  times.gradients.push(computedAt - startedAt);
  times.update.push(endedAt - computedAt);
  times.step.push(endedAt - startedAt);
}
const median = (values) => Number(values.sort((a, b) => a - b)[Math.floor(values.length / 2)].toFixed(1));
console.log(
  JSON.stringify({
    batch: Number(batchSize),
    length: Number(length),
    steps: times.step.length,
    medianStepMs: median(times.step),
    gradientsMs: median(times.gradients),
    updateMs: median(times.update),
    lastLoss: losses.at(-1),
    ...status(),
  }),
);
await active.release();
await run.release();
await model.release();
