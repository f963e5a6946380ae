// How soon the selection is that of the whole warm-up epoch.
//
//   node bench/method/selection-stability.mjs MODEL TASK DATA [path=value …]

import { loadModel, loadTask, selectWeights } from '../../dist/index.js';

const [modelPath, taskName, data, ...assignments] = process.argv.slice(2);
const options = Object.fromEntries(assignments.map((assignment) => assignment.split('=')));
const counts = [2, 4, 8, 12, 20, 40, 80, 120, 200];

const model = await loadModel(modelPath, { threads: 2 });
const task = await loadTask(taskName, { data, limitTrain: Number(options.limitTrain) || undefined });
const stepsPerEpoch = Math.ceil(task.train.length / 32);

/** The selected weights as one set of `tensor:index`, heads left out. */
async function select(maxBatches) {
  const { selection, report } = await selectWeights(model, task, {
    lr: Number(options.lr ?? 3e-3),
    batchSize: 32,
    warmup: { maxBatches, epochs: 1 },
    select: { ratio: Number(options.ratio ?? 0.003) },
    seed: 0,
    dropout: options.dropout ?? 'config',
  });
  const chosen = new Set();
  for (const [name, indices] of selection) {
    if (indices !== 'all') for (const index of indices) chosen.add(`${name}:${index}`);
    else if (!name.startsWith('classifier'))
      for (let i = 0; i < report.sizes[name]; i++) chosen.add(`${name}:${i}`);
  }
  return chosen;
}

const whole = await select(stepsPerEpoch);
console.log(`${taskName}: ${stepsPerEpoch} batches an epoch, ${whole.size} weights beside the head`);
console.log('batches  Jaccard index with the whole epoch');
for (const count of counts.filter((n) => n < stepsPerEpoch)) {
  const chosen = await select(count);
  const common = [...chosen].filter((weight) => whole.has(weight)).length;
  const index = common / (chosen.size + whole.size - common);
  console.log(`${`${count}`.padStart(7)}  ${index.toFixed(3)}`);
}
await model.release();
