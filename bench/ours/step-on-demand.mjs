// Trains a BERT directory, a step for each line `step` on standard input: bench/peers/step_on_demand.py, but ours. A line
// `costs` asks what a step takes by kind of work.
//
//   node bench/ours/step-on-demand.mjs --model DIR --batches batches.json --kind frontier [--mask uniform --lowest 8]
//
// KIND: all (the mask over all layers), frontier (at and above layer LOWEST), cached (the same, the prefix kept), full.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { loadModel } from '../../dist/index.js';
import { extentsOf } from '../../dist/objectives/objective.js';
import { graphWork } from '../../dist/plan/work.js';
import { specialize } from '../../dist/specialize/specialize.js';
import { classificationMetrics } from '../../dist/tasks/labels.js';
import { ActiveSet } from '../../dist/training/active-set.js';
import { beginRun } from '../../dist/training/begin-run.js';
import { WholeSet } from '../../dist/training/whole-set.js';
import { drawMask } from '../method/drawn-mask.mjs';

const WARM_STEPS = 2;
const LR = 1e-3;

const imported = process.memoryUsage.rss() / 1e6;
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    batches: { type: 'string' },
    kind: { type: 'string' },
    mask: { type: 'string', default: 'real' },
    lowest: { type: 'string', default: '8' },
    ratio: { type: 'string', default: '0.003' },
    threads: { type: 'string', default: '2' },
  },
});
const { kind, mask, lowest, ratio, threads } = values;
const batches = JSON.parse(readFileSync(values.batches, 'utf8'));
const batchSize = batches.texts[0].length;
const length = batches.ids[0][0].length;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

let sessionMs = 0;
const ran = ({ durationMs }) => {
  sessionMs += durationMs;
  return false;
};
const profiler = { trace: () => {}, session: () => ({ prefix: undefined, ran }) };
const model = await loadModel(values.model, { threads: Number(threads), profiler });
const { run } = await beginRun(
  model,
  task(),
  {
    method: kind === 'full' ? 'full' : 'gspf',
    batchSize,
    lr: LR,
    prefix: { cache: kind === 'cached' ? 'memory' : 'off' },
  },
  model.environment,
  {},
);
const trained = await choose();
let taken = 0;
for (let i = 0; i < WARM_STEPS; i++) await step();
say({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  const peakRssMB = model.environment.memory().peakRssBytes / 1e6;
  const weights = [...run.prepared.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (line === 'step') say(await step());
  else if (line === 'costs') say(costs());
  else say({ steps: taken, weights, trained: trained.count, importedRssMB: imported, peakRssMB });
}
process.exit(0);

/** Two classes of the texts. */
function task() {
  const labels = batches.labels.flat();
  const train = batches.texts.flat().map((text, i) => ({ text, label: labels[i] }));
  return {
    kind: 'text-classification',
    name: 'text-classification',
    labels: ['a', 'b'],
    train,
    evaluation: train.slice(0, 2),
    notes: [],
    ...classificationMetrics(['a', 'b']),
  };
}

/** The weights in training. */
async function choose() {
  if (kind === 'full') {
    const active = new WholeSet(run);
    return {
      active,
      count: [...run.prepared.weights.values()].reduce((sum, { data }) => sum + data.length, 0),
    };
  }
  const shapes = new Map([...run.prepared.weights].map(([name, { shape }]) => [name, shape]));
  const selection = drawMask(shapes, {
    kind: mask,
    ratio: Number(ratio),
    lowest: kind === 'all' ? 0 : Number(lowest),
  });
  await run.usePrefix([...selection.keys()]);
  const count = [...selection].reduce(
    (sum, [name, indices]) => sum + (indices === 'all' ? run.dataOf(name).length : indices.length),
    0,
  );
  return { active: new ActiveSet(run, selection), selection, count };
}

/** The work of a step by the kinds that `gspf plan` knows, and the matrix products of its forward pass. */
function costs() {
  const shape = { batch: batchSize, sequence: length };
  const { forward, layout } = run.prepared.objective;
  const ahead = graphWork(specialize(forward, { dims: extentsOf(layout, shape), variables: new Set() }));
  return {
    work: graphWork(run.passes.gradientGraph(trained.selection, shape, true)),
    forwardOperations: ahead.product + ahead.smallProduct,
  };
}

/** @returns milliseconds of a step, and of what of it is JavaScript */
async function step() {
  const number = taken++ % batches.texts.length;
  const rows = Int32Array.from({ length: batchSize }, (_, row) => number * batchSize + row);
  const { active } = trained;
  const [startedAt, before] = [performance.now(), sessionMs];
  await run.step('train', { rows, length, epoch: 1, number }, active.gradients, async () => ({
    lr: LR,
    gradNorm: active.update(LR),
  }));
  const ms = performance.now() - startedAt;
  return { ms, outsideMs: ms - (sessionMs - before) };
}
