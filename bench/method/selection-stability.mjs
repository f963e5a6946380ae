// How soon the selection is that of the whole warm-up epoch.
//
//   node bench/method/selection-stability.mjs MODEL TASK DATA [path=value …]

import { loadModel, loadTask, selectWeights } from '../../dist/index.js';
import { jaccard } from './jaccard.mjs';

const [modelPath, taskName, data, ...assignments] = process.argv.slice(2);
const options = Object.fromEntries(assignments.map((assignment) => assignment.split('=')));
const counts = [2, 4, 8, 12, 20, 40, 80, 120, 200];

const model = await loadModel(modelPath, { threads: 2 });
const task = await loadTask(taskName, { data, limitTrain: Number(options.limitTrain) || undefined });
const stepsPerEpoch = Math.ceil(task.train.length / 32);

async function select(maxBatches) {
  return selectWeights(model, task, {
    lr: Number(options.lr ?? 3e-3),
    batchSize: 32,
    warmup: { maxBatches, epochs: 1 },
    select: { ratio: Number(options.ratio ?? 0.003) },
    seed: 0,
    dropout: options.dropout ?? 'config',
  });
}

const whole = await select(stepsPerEpoch);
console.log(`${taskName}: ${stepsPerEpoch} batches an epoch, ${whole.report.selection.selected} weights`);
console.log('batches  Jaccard index with the whole epoch');
for (const count of counts.filter((n) => n < stepsPerEpoch)) {
  console.log(`${`${count}`.padStart(7)}  ${jaccard(await select(count), whole).toFixed(3)}`);
}
await model.release();
