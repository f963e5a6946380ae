// The hash of a run's patch, over repeats and thread counts.
//
//   node bench/method/same-bits.mjs MODEL SST2_DIR

import { createHash } from 'node:crypto';
import { encodePatch, fineTune, loadModel, loadTask } from '../../dist/index.js';

const [modelPath, data] = process.argv.slice(2);
const task = await loadTask('sst2', { data, limitTrain: 640, limitEval: 64 });
const methods = [
  ['gspf', { epochs: 2 }],
  ['full', { method: 'full', epochs: 1 }],
];
for (const [name, options] of methods) {
  for (const threads of [1, 1, 2, 2, 3]) {
    const model = await loadModel(modelPath, { threads });
    const { patch } = await fineTune(model, task, { ...options, seed: 0 });
    const hash = createHash('sha256').update(encodePatch(patch)).digest('hex');
    console.log(`${name}  ${threads} ${threads === 1 ? 'thread ' : 'threads'}  ${hash.slice(0, 16)}`);
    await model.release();
  }
}
