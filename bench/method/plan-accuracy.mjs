// What `gspf plan` predicts beside what the same run then measures: peak memory, and the mean time of a step.
//
//   node bench/method/plan-accuracy.mjs SHARED [BERT_BASE] [ONLY]
//
// SHARED holds models/minilm-l6 and data/glue; BERT_BASE is from random-model.mjs. ONLY names one configuration.
// Each runs in processes of its own, plan first. A step's time is that of its phase, sessions being made included and
// evaluations left out, over the number of its steps; peak memory is that of the process up to the phase's end.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [shared, bertBase, only] = process.argv.slice(2);
const bin = new URL('../../dist/cli/bin.js', import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), 'gspf-plan-'));
const minilm = ['--model', join(shared, 'models/minilm-l6')];
const glue = (task, train, evaluation = 64) =>
  `--task ${task} --data ${join(shared, 'data/glue', task)} --limit-train ${train} --limit-eval ${evaluation}`.split(
    ' ',
  );

const table = join(scratch, 'long.csv');
const words = 'amber basket candle dagger engine falcon garden hammer island jacket kettle ladder'.split(' ');
const text = (row) => Array.from({ length: 100 }, (_, i) => words[(row * 7 + i * 5 + i * i) % 12]).join(' ');
writeFileSync(
  table,
  `text,label\n${Array.from({ length: 96 }, (_, row) => `${text(row)},${row % 2}`).join('\n')}\n`,
);
const own = ['--task', 'text-classification', '--data', table];

const configurations = {
  // Those that the constants of src/plan were fitted to.
  'sst2, selected': [...minilm, ...glue('sst2', 1000)],
  'mrpc, full': [...minilm, ...glue('mrpc', 320), '--method', 'full'],
  'stsb, selected above layer 4, prefix kept': [
    ...[
      ...minilm,
      ...glue('stsb', 800),
      '--lr',
      '1e-3',
      '--batch-size',
      '16',
      '--epochs',
      '4',
      '--ratio',
      '0.5%',
    ],
    ...['--set', 'select.frontier=4', '--set', 'prefix.cache=memory', '--set', 'prefix.dropout=off'],
  ],
  'cola, full, micro-batches of 8': [
    ...[...minilm, ...glue('cola', 1200), '--method', 'full', '--micro-batch', '8', '--epochs', '2'],
  ],
  // Those that they were not.
  'new: mrpc, selected 1 %, batches of 16': [
    ...minilm,
    ...glue('mrpc', 400),
    '--batch-size',
    '16',
    '--ratio',
    '1%',
  ],
  'new: sst2, full, batches of 64': [
    ...minilm,
    ...glue('sst2', 1600),
    '--method',
    'full',
    '--batch-size',
    '64',
  ],
  'new: cola, selected above layer 3': [...minilm, ...glue('cola', 900), '--set', 'select.frontier=3'],
  ...(bertBase && {
    'new: BERT-base, selected 0.1 %, micro-batches of 4': [
      ...['--model', bertBase, ...own, '--batch-size', '8', '--micro-batch', '4', '--ratio', '0.1%'],
      ...['--max-length', '64', '--epochs', '2'],
    ],
  }),
};

const gspf = (...words) =>
  JSON.parse(
    execFileSync(process.execPath, [bin, ...words, '--json', '--quiet'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
const rows = [
  ['configuration', 'phase', 'step, planned', 'measured', 'ratio', 'peak, planned', 'measured', 'ratio'],
];
for (const [name, words] of Object.entries(configurations)) {
  if (only !== undefined && !name.includes(only)) continue;
  const planned = gspf('plan', ...words);
  const out = join(scratch, 'run');
  gspf('train', ...words, '--out', out, '--overwrite');
  const run = JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'));
  let highest = 0;
  for (const { phase, steps, stepMs, setupMs, peakBytes } of planned.phases) {
    highest = Math.max(highest, peakBytes);
    const { elapsedMs, evaluationMs, peakRssBytes } = run.phases.find((measured) => measured.phase === phase);
    const [before, after] = [stepMs + setupMs / steps, (elapsedMs - evaluationMs) / steps];
    rows.push([
      ...[name, phase, `${before.toFixed(0)} ms`, `${after.toFixed(0)} ms`, (before / after).toFixed(2)],
      ...[highest, peakRssBytes].map((bytes) => `${(bytes / 1e6).toFixed(0)} MB`),
      (highest / peakRssBytes).toFixed(2),
    ]);
  }
  if (process.env.GSPF_PLAN_DETAILS)
    console.log(
      JSON.stringify({ phases: planned.phases, speeds: planned.speeds, measured: run.phases }, null, 1),
    );
}
rmSync(scratch, { recursive: true });
const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
for (const row of rows)
  console.log(
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  '),
  );
