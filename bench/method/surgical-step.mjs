// A step of surgical training beside a step of PyTorch's full fine-tuning, in turn, on a BERT of base shape.
//
//   node bench/method/surgical-step.mjs DIR CASE [PAIRS PYTHON]
//
// DIR is from bert-base-shape.mjs. CASE: all, frontier or cached, with -uniform for a uniformly random mask.
// Without PYTHON only our own steps are timed. GSPF_PROFILE=PREFIX makes onnxruntime write its profile there.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { loadModel } from '../../dist/index.js';
import { classificationMetrics } from '../../dist/tasks/labels.js';
import { ActiveSet } from '../../dist/training/active-set.js';
import { beginRun } from '../../dist/training/begin-run.js';
import { drawMask } from './drawn-mask.mjs';

const [directory, name = 'frontier', pairs = '9', python] = process.argv.slice(2);
const [kind, mask] = name.split('-');
const BATCH = 8;
const LENGTH = 128;

const vocabulary = JSON.parse(readFileSync(join(directory, 'tokenizer.json'), 'utf8')).model.vocab;
const words = Object.keys(vocabulary).filter((word) => /^[a-z]{4,}$/.test(word));
const textOf = (row) =>
  Array.from({ length: LENGTH - 2 }, (_, i) => words[(row * 7919 + i * 104729) % words.length]).join(' ');
const examples = Array.from({ length: 8 * BATCH }, (_, row) => ({ text: textOf(row), label: row % 2 }));
const task = {
  kind: 'text-classification',
  name: 'text-classification',
  labels: ['a', 'b'],
  train: examples,
  evaluation: examples.slice(0, 2),
  notes: [],
  ...classificationMetrics(['a', 'b']),
};

const model = await loadModel(directory, { threads: 2 });
let sessionMs = 0;
const { backend } = model.environment;
const timed = {
  ...backend,
  compile: async (graph) => {
    const executable = await backend.compile(graph);
    return {
      release: () => executable.release(),
      run: async (feeds, results) => {
        const startedAt = performance.now();
        await executable.run(feeds, results);
        sessionMs += performance.now() - startedAt;
      },
    };
  },
};
const { run } = await beginRun(
  model,
  task,
  { batchSize: BATCH, lr: 1e-3, prefix: { cache: kind === 'cached' ? 'memory' : 'off' } },
  { ...model.environment, backend: timed },
  {},
);
const shapes = new Map([...run.prepared.weights].map(([tensor, { shape }]) => [tensor, shape]));
const selection = drawMask(shapes, { kind: mask ?? 'real', lowest: kind === 'all' ? 0 : 8 });
await run.usePrefix([...selection.keys()]);
const active = new ActiveSet(run, selection);
const batches = run.batches(1);
let count = 0;
const step = async () => {
  const batch = batches[count++ % batches.length];
  const [startedAt, sessionBefore] = [performance.now(), sessionMs];
  await run.step('train', batch, active.gradients, async () => ({ lr: 1e-3, gradNorm: active.update(1e-3) }));
  const total = performance.now() - startedAt;
  return { total, outside: total - (sessionMs - sessionBefore) };
};
for (let i = 0; i < 3; i++) await step();

const peer = python && (await startPeer());
const [ours, outside, theirs, ratios] = [[], [], [], []];
for (let pair = 0; pair < Number(pairs); pair++) {
  const first = peer && pair % 2 === 1 ? await peer.step() : undefined;
  const own = await step();
  const other = peer && (first ?? (await peer.step()));
  ours.push(own.total);
  outside.push(own.outside / own.total);
  if (other === undefined) continue;
  theirs.push(other);
  ratios.push(own.total / other);
}
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const report = {
  case: name,
  selected: [...selection].reduce(
    (sum, [tensor, indices]) => sum + (indices === 'all' ? run.dataOf(tensor).length : indices.length),
    0,
  ),
  stepMs: median(ours),
  outsideShare: median(outside),
  peakRssMB: Math.round(model.environment.memory().peakRssBytes / 1e6),
  ...(peer && {
    pytorchMs: median(theirs),
    ratio: median(ratios),
    ratios: ratios.map((ratio) => Number(ratio.toFixed(3))),
  }),
};
if (peer) report.pytorch = await peer.end();
console.log(JSON.stringify(report));
await model.release();
process.exit(0);

async function startPeer() {
  const script = new URL('../peers/step_on_demand.py', import.meta.url).pathname;
  const child = spawn(
    python,
    [script, '--model', directory, '--batch', `${BATCH}`, '--length', `${LENGTH}`],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  while ((await next()) !== 'ready');
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return next();
  };
  return { step: async () => Number(await ask('step')), end: async () => JSON.parse(await ask('end')) };
}
