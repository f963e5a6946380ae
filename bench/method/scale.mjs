// How time and memory of a surgical step grow with the batch, the depth, the width and the share of selected weights.
//
//   node bench/method/scale.mjs TOKENIZER_DIR [--out scale.md] [--work DIR] [--threads 2] [--steps 5] [--only NAME=VALUE,…]
//
// One factor at a time around MiniLM's shape, random weights, the mask of a real selection over all layers, no prefix kept;
// each point in a process of its own. Then shapes of BERT-base and RoBERTa-large, and the peak memory of whole runs
// of them, warm-up included. Beside each step: the law that `gspf plan` predicts by, and the floor. Ten minutes on two
// cores. --only measures the points named, as tokens=128; models stay in DIR (bench/work) for the next time.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from '../../dist/measure/paired-ratios.js';
import { onnxRuntime } from '../../dist/node/onnxruntime.js';
import { measureSpeeds } from '../../dist/plan/speeds.js';
import { shapedModel, writeBatches, writeTable } from '../materials.mjs';
import { runProcess, startWorker } from '../worker.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    work: { type: 'string', default: path('../work') },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '5' },
    only: { type: 'string' },
  },
});
const [tokenizer] = positionals;
const { work, threads } = values;

/** What both large shapes have to train in. */
const MOST_BYTES = 8e9;

const minilm = { type: 'bert', layers: 6, hidden: 384, heads: 12, batch: 8, length: 128, ratio: 0.003 };
const points = [
  ...[128, 256, 512, 1024, 2048, 4096].map((tokens) => {
    // Never a single row.
    const length = Math.min(128, tokens / 2);
    return { factor: 'tokens', value: tokens, shape: { ...minilm, length, batch: tokens / length } };
  }),
  ...[6, 12, 24].map((layers) => ({ factor: 'layers', value: layers, shape: { ...minilm, layers } })),
  ...[384, 768, 1024].map((hidden) => ({
    factor: 'hidden',
    value: hidden,
    shape: { ...minilm, hidden, heads: hidden === 1024 ? 16 : 12 },
  })),
  ...[0.0001, 0.001, 0.003, 0.01, 0.05].map((ratio) => ({
    factor: 'ratio',
    value: `${100 * ratio} %`,
    shape: { ...minilm, ratio },
  })),
  { factor: 'shape', value: 'bert-base', shape: { ...minilm, layers: 12, hidden: 768 }, isWhole: true },
  {
    factor: 'shape',
    value: 'roberta-large',
    shape: { ...minilm, type: 'roberta', layers: 24, hidden: 1024, heads: 16 },
    isWhole: true,
  },
].filter(({ factor, value }) =>
  (values.only?.split(',') ?? [`${factor}=${value}`]).includes(`${factor}=${value}`),
);

mkdirSync(work, { recursive: true });
const backend = onnxRuntime({ threads: Number(threads) });
const speeds = (await measureSpeeds(backend, () => performance.now())).graph;
const measured = new Map();
const rows = [];
const most = Number(values.steps);
for (const { factor, value, shape, isWhole } of points) {
  const key = JSON.stringify(shape);
  const found = measured.get(key) ?? (await measureSteps(shape, isWhole ? Math.min(3, most) : most));
  measured.set(key, found);
  rows.push({ factor, value, ...found });
  process.stderr.write(`${factor} ${value}: ${found.stepMs.toFixed(0)} ms\n`);
}
const factor = median(rows.map(({ stepMs, lawMs }) => stepMs / lawMs));
const runs = [];
for (const { value, shape, isWhole } of points) if (isWhole) runs.push(...(await wholeRuns(value, shape)));

const text = report();
console.log(text);
if (values.out !== undefined) writeFileSync(values.out, text);

/** Median step and peak of a point, its law and its floor. */
async function measureSteps(shape, steps) {
  const model = shapedModel(work, shape, tokenizer);
  const batches = join(work, `scale-${process.pid}.json`);
  await writeBatches(batches, model, shape);
  const worker = await startWorker(process.execPath, [
    path('../ours/step-on-demand.mjs'),
    ...['--model', model, '--batches', batches, '--kind', 'all', '--ratio', `${shape.ratio}`],
    ...['--threads', threads],
  ]);
  const times = [];
  for (let i = 0; i < steps; i++) times.push((await worker.step()).ms);
  const { peakRssMB, trained, weights } = await worker.report();
  const { work: amounts, forwardOperations } = await worker.costs();
  await worker.end();
  rmSync(batches);
  return {
    weights,
    trained,
    stepMs: median(times),
    lawMs: Object.entries(amounts).reduce((sum, [kind, amount]) => sum + amount * speeds[kind], 0),
    // Forward, and as much again for the gradients of what it multiplies.
    floorMs: 2 * forwardOperations * speeds.product,
    peakRssMB,
  };
}

/** Peak memory of short runs of `gspf train`: as it is, and where that is too much with the warm-up in slices. */
async function wholeRuns(name, shape) {
  const model = shapedModel(work, shape, tokenizer);
  const table = join(work, `scale-${process.pid}.csv`);
  await writeTable(table, model, shape);
  const run = async (label, ...more) => {
    const out = join(work, `scale-run-${process.pid}`);
    const { document, seconds } = await runProcess(process.execPath, [
      path('../../dist/cli/bin.js'),
      ...['train', '--model', model, '--task', 'text-classification', '--data', table, '--out', out],
      ...['--epochs', '2', '--batch-size', `${shape.batch}`, '--limit-train', `${4 * shape.batch}`],
      ...['--limit-eval', '2', '--threads', threads, '--overwrite', '--quiet', '--json', ...more],
    ]);
    rmSync(out, { recursive: true, force: true });
    return { name, label, peakRssBytes: document.peakRssBytes, seconds };
  };
  const plain = await run('as it is');
  const slices = ['--set', 'warmup.update=none', '--set', 'warmup.slices=4'];
  const runs = plain.peakRssBytes < MOST_BYTES ? [plain] : [plain, await run('warmup.slices=4', ...slices)];
  rmSync(table);
  return runs;
}

function report() {
  const number = (value, digits = 0) => value.toFixed(digits);
  const steps = [
    [
      'factor',
      'value',
      'weights, millions',
      'selected',
      'step, ms',
      'law, ms',
      'floor, ms',
      'floor ÷ step',
      'peak, MB',
    ],
    ...rows.map((row) => [
      row.factor,
      `${row.value}`,
      number(row.weights / 1e6, 1),
      `${row.trained}`,
      number(row.stepMs, 1),
      number(factor * row.lawMs, 1),
      number(row.floorMs, 1),
      number(row.floorMs / row.stepMs, 2),
      number(row.peakRssMB),
    ]),
  ];
  const peaks = [
    ['shape', 'run', 'peak, MB', `below ${MOST_BYTES / 1e9} GB`, 'seconds'],
    ...runs.map(({ name, label, peakRssBytes, seconds }) => [
      name,
      label,
      number(peakRssBytes / 1e6),
      peakRssBytes < MOST_BYTES ? 'yes' : 'no',
      number(seconds),
    ]),
  ];
  const speed = number(1e-6 / speeds.product);
  return [
    `Around 6 layers, hidden 384, 8 × 128 tokens, 0.3 % selected; ${threads} threads, matrix products at ${speed} GFLOP/s.`,
    `The law is the sum of src/plan's kinds of work at this machine's speeds, times ${number(factor, 2)}, the median of step ÷ sum.`,
    `The floor is twice the forward pass's operations at that speed.`,
    '',
    ...alignedTable(steps),
    ...(runs.length === 0
      ? []
      : ['', 'Whole runs, a warm-up of four batches and four steps:', '', ...alignedTable(peaks)]),
    '',
  ].join('\n');
}

/** A Markdown table whose source reads as one. */
function alignedTable([head, ...body]) {
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => cell.padStart(widths[i])).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`, ...body.map(line)];
}
