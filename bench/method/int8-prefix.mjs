// What 8 bits below the frontier save and cost: the time of the prefix's products, and scores on SST-2.
//
//   node bench/method/int8-prefix.mjs [--pairs 9] [--rows 1024 --hidden 768 --threads 2]
//     [--model MINILM --data SST2 --train 600 --eval 872 --seeds 3 --frontier 4]
//
// Products are timed in processes that take turns, one run of each a pair. Without --model and --data that is all.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fineTune, loadModel, loadTask } from '../../dist/index.js';
import { median, medianInterval } from '../../dist/measure/paired-ratios.js';
import { startWorker } from '../worker.mjs';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '9' },
    rows: { type: 'string', default: '1024' },
    hidden: { type: 'string', default: '768' },
    threads: { type: 'string', default: '2' },
    model: { type: 'string' },
    data: { type: 'string' },
    train: { type: 'string', default: '600' },
    eval: { type: 'string', default: '872' },
    seeds: { type: 'string', default: '3' },
    frontier: { type: 'string', default: '4' },
  },
});
const threads = Number(values.threads);

await timeProducts();
if (values.model !== undefined && values.data !== undefined) await compareScores();

async function timeProducts() {
  const { rows, hidden } = values;
  const script = fileURLToPath(new URL('../ours/products-on-demand.mjs', import.meta.url));
  const precisions = ['fp32', 'int8', 'int8-batch'];
  const workers = new Map();
  for (const precision of precisions) {
    const words = ['--precision', precision, '--rows', rows, '--hidden', hidden, '--threads', `${threads}`];
    workers.set(precision, await startWorker(process.execPath, [script, ...words]));
  }
  const times = new Map(precisions.map((precision) => [precision, []]));
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    for (const precision of pair % 2 === 0 ? precisions : precisions.toReversed())
      times.get(precision).push((await workers.get(precision).step()).ms);
  }
  for (const worker of workers.values()) await worker.end();

  // Four layers of 12 · hidden² weights.
  const operations = 4 * 24 * Number(rows) * Number(hidden) ** 2;
  console.log(`\nProducts of four layers, ${rows} rows, hidden ${hidden}, ${threads} threads`);
  console.log('              median ms   GOP/s   ÷ fp32 (95 %)');
  for (const [precision, ms] of times) {
    const ratios = ms.map((own, pair) => own / times.get('fp32')[pair]);
    const { median: ratio, lower, upper } = medianInterval(ratios);
    const middle = median(ms);
    const columns = [middle.toFixed(1).padStart(11), (operations / middle / 1e6).toFixed(0).padStart(8)];
    const interval = precision === 'fp32' ? '' : ` (${lower.toFixed(3)} to ${upper.toFixed(3)})`;
    console.log(`${precision.padEnd(12)}${columns.join('')}   ${ratio.toFixed(3)}${interval}`);
  }
}

/** The same runs trained on both prefixes, and each patch scored on both. */
async function compareScores() {
  const task = await loadTask('sst2', {
    data: values.data,
    limitTrain: Number(values.train),
    limitEval: Number(values.eval),
  });
  const texts = task.evaluation.map(({ text }) => text);
  const open = (prefixPrecision) => loadModel(values.model, { threads, prefixPrecision });
  const models = { fp32: await open('fp32'), int8: await open('int8') };
  console.log(
    `\nSST-2, ${task.train.length} sentences, trained above layer ${values.frontier}, scored on ${texts.length}`,
  );
  console.log('seed  trained on  scored on  accuracy    loss   labels that differ from fp32, largest change');
  for (let seed = 0; seed < Number(values.seeds); seed++) {
    for (const precision of ['fp32', 'int8']) {
      const { patch } = await fineTune(models.fp32, task, {
        seed,
        epochs: 3,
        select: { frontier: Number(values.frontier) },
        prefix: { precision },
      });
      const plain = await models.fp32.with(patch).classify(texts);
      for (const scoredOn of ['fp32', 'int8']) {
        const model = models[scoredOn].with(patch);
        const { accuracy, loss } = await model.evaluate(task);
        const found = scoredOn === 'fp32' ? plain : await model.classify(texts);
        const differ = found.filter(({ label }, i) => label !== plain[i].label).length;
        const change = Math.max(
          ...found.flatMap(({ scores }, i) =>
            Object.entries(scores).map(([label, score]) => Math.abs(score - plain[i].scores[label])),
          ),
        );
        const scores = [(100 * accuracy).toFixed(2).padStart(8), loss.toFixed(4).padStart(8)].join('');
        const changes = scoredOn === 'fp32' ? '' : `   ${differ} of ${texts.length}, ${change.toFixed(4)}`;
        console.log(
          `${`${seed}`.padStart(4)}  ${precision.padEnd(10)}  ${scoredOn.padEnd(9)}  ${scores}${changes}`,
        );
      }
    }
  }
  await models.fp32.release();
  await models.int8.release();
}
