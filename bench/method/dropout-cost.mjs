// What dropout costs of a step: the same batches with and without it, in turn, in one process.
//
//   node bench/method/dropout-cost.mjs MODEL SST2_DIR [STEPS]
//
// PyTorch's: bench/peers/full_finetuning.py with and without --no-dropout.

import { loadModel, loadTask, selectWeights } from '../../dist/index.js';
import { beginRun } from '../../dist/training/begin-run.js';

const [modelPath, data, steps = '60'] = process.argv.slice(2);
const model = await loadModel(modelPath, { threads: 2 });
const task = await loadTask('sst2', { data, limitTrain: 4000 });

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

for (const method of ['gspf', 'full']) {
  const settings = [];
  for (const dropout of ['config', 'off']) {
    const options = { dropout, method, seed: 0 };
    const { run } = await beginRun(model, task, options, model.environment, {});
    const selection =
      method === 'full'
        ? new Map([...run.prepared.weights.keys()].map((name) => [name, 'all']))
        : (await selectWeights(model, task, options)).selection;
    settings.push({ run, gradients: run.passes.gradients(selection), times: [] });
  }
  const batches = settings[0].run.batches(2).slice(0, Number(steps));
  for (const round of ['warm', 'timed']) {
    for (const [number, batch] of batches.entries()) {
      // Who goes first changes from step to step.
      for (const setting of number % 2 === 0 ? settings : settings.toReversed()) {
        const startedAt = performance.now();
        await setting.run.computeGradients(batch, setting.gradients);
        if (round === 'timed') setting.times.push(performance.now() - startedAt);
      }
    }
  }
  const [on, off] = settings;
  const ratios = on.times.map((time, i) => time / off.times[i]);
  console.log(
    `${method.padEnd(4)}  with ${median(on.times).toFixed(1)} ms, without ${median(off.times).toFixed(1)} ms, ` +
      `median ratio ${median(ratios).toFixed(3)} over ${ratios.length} steps`,
  );
  for (const { run, gradients } of settings) {
    await gradients.release();
    await run.release();
  }
}
await model.release();
