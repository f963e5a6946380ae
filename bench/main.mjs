// gspf beside its peers, in one sitting: bench/README.md.
//
//   npm run bench [-- --only A.frontier,A.cached] [--pairs N] [--python PATH|none]

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { versions } from '../dist/node/host.js';
import { figuresOf, PAIRS_FOR_BAR } from './figures.mjs';
import { sentences, shapedModel, shapes, writeMaterials } from './materials.mjs';
import { openRow } from './measure.mjs';
import { createPeers, findPython, makeEnvironment } from './peers.mjs';
import { createProgress } from './progress.mjs';
import { chosenRows } from './rows.mjs';
import { openStore } from './store.mjs';
import { tableOf, withTable } from './table.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    pairs: { type: 'string' },
    minutes: { type: 'string' },
    again: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    results: { type: 'string' },
    python: { type: 'string' },
    shape: { type: 'string', default: 'base' },
    model: { type: 'string', default: path('../../shared/models/minilm-l6') },
    tokenizer: { type: 'string', default: path('../../shared/models/tokenizer-bert-base-uncased') },
    data: { type: 'string', default: path('../../shared/data/glue/sst2') },
    limit: { type: 'string', default: '4000' },
    threads: { type: 'string', default: '2' },
    work: { type: 'string', default: path('work') },
  },
});

if (flags.help) {
  console.log(`gspf beside its peers: what is measured, and how, is told in ${path('README.md')}.

  npm run bench                        the most important figures, within five minutes
  npm run bench:full                   every row, for hours; goes on where it was
  npm run bench -- --only A.cached     rows of these names or beginnings of names, with commas
  npm run bench -- --list              their names
  npm run bench -- --report            the table of what there is (--write: into docs/performance.md)

  --pairs N   --minutes N   --again   --threads N   --python PATH|none   --shape base|tiny   --limit N
  --model DIR   --tokenizer DIR   --data DIR   --work DIR   --results FILE`);
  process.exit(0);
}
const threads = Number(flags.threads);
const words = flags.only.split(',').filter((word) => word !== '');
const rows = chosenRows(words).filter(
  ({ quickly }) => flags.full || words.length > 0 || quickly !== undefined,
);
const pairsOf = ({ pairs, quickly, bar }) =>
  Number(flags.pairs ?? pairs ?? (flags.full ? (bar === undefined ? 5 : PAIRS_FOR_BAR) : (quickly ?? 3)));
if (flags.list) {
  for (const row of chosenRows(words)) console.log(`${row.id.padEnd(32)}${row.says}`);
  process.exit(0);
}

const { node, onnxruntime } = versions();
const circumstances = {
  cpu: cpus()[0]?.model.trim(),
  cores: availableParallelism(),
  threads,
  shape: flags.shape,
  node,
  onnxruntime,
  sources: sources(),
};
const store = openStore(flags.results ?? join(flags.work, `${flags.shape}.json`), circumstances);
const progress = createProgress(pairsOf);
const interrupted = new AbortController();
process.on('SIGINT', () => {
  if (interrupted.signal.aborted) process.exit(130);
  progress.say('Stopping after this pair; what was measured is kept.');
  interrupted.abort();
});
if (!flags.report) await measureAll();
report();

async function measureAll() {
  // Without --full or --only the whole is to be over within five minutes, whatever the machine does.
  const isShort = !flags.full && words.length === 0;
  const minutes = Number(flags.minutes ?? (isShort ? 4 : Number.POSITIVE_INFINITY));
  const endsAt = performance.now() + 60_000 * minutes;
  const place = await prepare();
  const measurable = rows.filter((row) => missingOf(row, place) === undefined);
  tellLeftOut(place);
  progress.plan(measurable);
  for (const row of measurable) {
    const isOver = performance.now() > endsAt;
    if (interrupted.signal.aborted) break;
    if (isOver)
      progress.say(`${row.id} is left out: ${minutes} minutes are over. npm run bench -- --only ${row.id}`);
    else await measure(row, place, endsAt);
  }
  await place.peers.release();
  progress.end();
}

/** Measures a row until it has its pairs, time is over or somebody interrupts. */
async function measure(row, place, endsAt) {
  const hasPeer = place.python !== undefined && row.theirs !== undefined;
  const pairs = flags.again
    ? []
    : store.pairsOf(row.id).filter(({ theirs }) => theirs !== undefined || !hasPeer);
  const wanted = pairsOf(row);
  if (pairs.length >= wanted)
    return progress.say(`${row.id} has its ${wanted} pairs from before (--again: anew)`);
  progress.begin(row);
  let opened;
  try {
    opened = await openRow(row, place);
    progress.ready(row);
    while (pairs.length < wanted && performance.now() < endsAt && !interrupted.signal.aborted) {
      const startedAt = performance.now();
      const pair = await opened.pair(pairs.length);
      pairs.push({ ...pair, at: new Date().toISOString() });
      store.put(row.id, { pairs });
      progress.pair(row, pairs.length, (performance.now() - startedAt) / 1000, textOf(pair));
    }
    store.put(row.id, { pairs, reports: await opened.reports() });
  } catch (error) {
    progress.say(`${row.id} failed: ${error.message}`);
    if (pairs.length === 0) store.put(row.id, { pairs, failed: error.message });
    await place.peers.release();
  } finally {
    await opened?.close();
  }
}

function textOf({ ours, theirs }) {
  const short = (value) => (value < 1 ? value.toFixed(3) : value.toFixed(1));
  return theirs === undefined
    ? `ours ${short(ours)}`
    : `ours ${short(ours)}  theirs ${short(theirs)}  ratio ${(ours / theirs).toFixed(3)}`;
}

async function prepare() {
  const python = findPython(flags.python);
  if (python === undefined)
    progress.say(`The peers are left out: no .venv here. Make it with: ${makeEnvironment}`);
  const place = { threads, python, work: flags.work };
  const isWanted = (name) => rows.some(({ id }) => id.startsWith(name));
  if (isWanted('A.') && existsSync(flags.tokenizer)) {
    const shape = shapes[flags.shape];
    progress.say(`The model of case A: ${shape.layers} layers of ${shape.hidden}, random weights.`);
    const model = shapedModel(flags.work, shape, flags.tokenizer);
    place.a = { shape, model, materials: await writeMaterials(join(flags.work, flags.shape), model, shape) };
  }
  if (isWanted('B.') && existsSync(flags.model)) {
    const materials = await writeMaterials(join(flags.work, 'sentences'), flags.model, sentences);
    const { model, data } = flags;
    place.b = { shape: sentences, model, materials, data, limit: Number(flags.limit) };
  }
  return { ...place, peers: createPeers(place) };
}

/** Names what cannot be measured here, and why. */
function tellLeftOut(place) {
  const reasons = new Map();
  for (const row of rows) {
    const reason = missingOf(row, place);
    if (reason !== undefined) reasons.set(reason, [...(reasons.get(reason) ?? []), row.id]);
  }
  for (const [reason, ids] of reasons) {
    const more = ids.length === 1 ? '' : ` and ${ids.length - 1} more`;
    progress.say(`Left out, ${ids[0]}${more}: ${reason}`);
  }
}

/** Why a row cannot be measured here; undefined where it can. */
function missingOf({ id, kind }, { a, b, python }) {
  if (id.startsWith('A.')) {
    if (a === undefined) return `no tokenizer in ${flags.tokenizer} (--tokenizer)`;
    if (id.startsWith('A.peer.') && python === undefined) return `no Python. ${makeEnvironment}`;
    return undefined;
  }
  if (b === undefined) return `no model in ${flags.model} (--model)`;
  if (kind === 'runs' && !existsSync(flags.data)) return `no SST-2 in ${flags.data} (--data)`;
  if (id.startsWith('B.peer.') && python === undefined) return `no Python. ${makeEnvironment}`;
  return undefined;
}

/** The version of the sources that are measured: results of others do not go together with them. */
function sources() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD:src'], { cwd: path('.'), encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

function report() {
  const measured = store.rows({ all: flags.report });
  const ids = new Set(chosenRows(words).map(({ id }) => id));
  const chosen = Object.fromEntries(Object.entries(measured).filter(([id]) => ids.has(id)));
  const [first] = Object.values(chosen);
  if (first === undefined) return console.log('Nothing has been measured.');
  const dates = Object.values(chosen).flatMap(({ pairs }) => pairs.map(({ at }) => at.slice(0, 10)));
  const torch = Object.values(chosen).find(({ reports }) => reports?.theirs?.torch)?.reports.theirs.torch;
  const about = { ...first.circumstances, torch, at: [...new Set(dates)].sort().join(', ') };
  const figures = figuresOf(chosen);
  const table = tableOf(figures, { ...about, onnxruntime: `onnxruntime ${about.onnxruntime}` });
  console.log(table);
  if (!flags.write) return;
  const document = path('../docs/performance.md');
  writeFileSync(path('results.json'), `${JSON.stringify({ about, figures, rows: chosen }, null, 1)}\n`);
  writeFileSync(document, withTable(readFileSync(document, 'utf8'), table));
  console.log('Written: bench/results.json, and the table in docs/performance.md.');
}
