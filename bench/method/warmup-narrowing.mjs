// What `warmup.narrow` saves, and what it does to the selection and to scores.
//
//   node bench/method/warmup-narrowing.mjs MODEL TASK DATA [--narrow 0.02,0.05,0.1,0.2,0.4] [--batches 40 --every 4]
//     [--limit-train 4000 --limit-eval 872 --seeds 1 --threads 2 --lr 3e-3] [--scores]
//
// Warm-ups of each share beside one that measures everything, the same batches, in turn: time, the layers left out, the
// Jaccard index of the selections. With --scores whole runs of three epochs as well, each from its own warm-up.

import { parseArgs } from 'node:util';
import { fineTune, loadModel, loadTask, selectWeights } from '../../dist/index.js';
import { jaccard } from './jaccard.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    narrow: { type: 'string', default: '0.02,0.05,0.1,0.2,0.4' },
    batches: { type: 'string', default: '40' },
    every: { type: 'string', default: '4' },
    'limit-train': { type: 'string', default: '4000' },
    'limit-eval': { type: 'string', default: '872' },
    seeds: { type: 'string', default: '1' },
    threads: { type: 'string', default: '2' },
    lr: { type: 'string', default: '3e-3' },
    scores: { type: 'boolean', default: false },
  },
});
const [modelPath, taskName, data] = positionals;
const shares = [null, ...values.narrow.split(',').map(Number)];

const model = await loadModel(modelPath, { threads: Number(values.threads) });
const task = await loadTask(taskName, {
  data,
  limitTrain: Number(values['limit-train']),
  limitEval: Number(values['limit-eval']),
});
const optionsOf = (narrow, seed) => ({
  seed,
  lr: Number(values.lr),
  warmup: { maxBatches: Number(values.batches), checkEvery: Number(values.every), narrow, rest: 'train' },
});

console.log(`${taskName}, ${task.train.length} examples, ${values.batches} batches of warm-up`);
console.log(
  `seed  narrow  seconds  ÷ all  Jaccard${values.scores ? `  ${task.primaryMetric}` : ''}  measured from`,
);
for (let seed = 0; seed < Number(values.seeds); seed++) {
  let all;
  // The first warm-up of a process pays for what is compiled once.
  await selectWeights(model, task, {
    ...optionsOf(null, seed),
    warmup: { ...optionsOf(null, seed).warmup, maxBatches: 2 },
  });
  for (const narrow of shares) {
    const found = await selectWeights(model, task, optionsOf(narrow, seed));
    const seconds = found.report.phases.find(({ phase }) => phase === 'warmup').elapsedMs / 1000;
    all ??= { found, seconds };
    const steps = found.report.selection.narrowed.map(
      ({ layer, afterBatches }) => `layer ${layer} after ${afterBatches}`,
    );
    const score = values.scores ? [await scoreOf(narrow, seed)] : [];
    console.log(
      [
        `${seed}`.padStart(4),
        `${narrow ?? 'off'}`.padStart(6),
        seconds.toFixed(1).padStart(7),
        (seconds / all.seconds).toFixed(2).padStart(5),
        jaccard(found, all.found).toFixed(3).padStart(7),
        ...score,
        steps.join(', ') || 'the bottom',
      ].join('  '),
    );
  }
}
await model.release();

async function scoreOf(narrow, seed) {
  const { report } = await fineTune(model, task, { ...optionsOf(narrow, seed), epochs: 3 });
  return report.metrics[report.primaryMetric].toFixed(4).padStart(report.primaryMetric.length);
}
