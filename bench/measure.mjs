// How a row is measured: by kind, what it starts and what one pair of it is.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProcess, startWorker } from './worker.mjs';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const node = process.execPath;

/** Seconds for a peer's whole run: twice what PyTorch's full fine-tuning takes on two cores. */
const PATIENCE = 300;

/** Of whole runs. */
const EPOCHS = 3;

/**
 * Starts what a row needs.
 *
 * @param place Models, materials, Python, threads: see main.mjs.
 * @returns `pair(n)`, which measures once and gives numbers of one unit, `{ ours, theirs, … }`; `reports()`, what else there
 *   is to tell; `close()`, which ends what was started for this row alone
 */
export function openRow(row, place) {
  return kinds[row.kind](row, place);
}

const kinds = {
  steps: async (row, place) => {
    const theirs = await place.peers.take(row.theirs);
    const ours = await startWorker(node, ourStepWords(row.ours, place.a, place));
    return pairOfWorkers(ours, theirs);
  },

  products: async (_, { a, threads }) => {
    const words = (precision) => [
      path('ours/products-on-demand.mjs'),
      ...['--precision', precision, '--rows', `${a.shape.batch * a.shape.length}`],
      ...['--hidden', `${a.shape.hidden}`, '--threads', `${threads}`],
    ];
    const quantized = await startWorker(node, words('int8'));
    const plain = await startWorker(node, words('fp32'));
    const { pair, close } = pairOfWorkers(quantized, plain);
    return { ...nothingMore, pair, close: () => Promise.all([close(), plain.end()]) };
  },

  share: async (row, place) => {
    const worker = await startWorker(node, ourStepWords(row.ours, place.b, place));
    return {
      pair: async () => {
        const { ms, outsideMs } = await worker.step();
        return { ours: outsideMs / ms, ms };
      },
      reports: async () => ({ ours: await worker.report() }),
      close: () => worker.end(),
    };
  },

  memory: async (row, place) => ({
    ...nothingMore,
    pair: async () => {
      const ours = (await ourRun(memoryRun(row.ours.run, place), place)).document;
      const peer = await place.peers.start(row.theirs);
      for (let i = 0; i < 4; i++) await peer?.step();
      const theirs = await peer?.report();
      await peer?.end();
      const idle = await idleRssMB();
      return {
        ours: ours.peakRssBytes / 1e6,
        oursIdle: idle,
        ...(theirs && { theirs: theirs.peakRssMB, theirsIdle: theirs.importedRssMB }),
      };
    },
  }),

  runs: async (row, place) => ({
    ...nothingMore,
    pair: async (seed) => {
      const measures = [
        async () => ({ ours: await ourWholeRun(seed, row.epochs ?? EPOCHS, place) }),
        async () => ({ theirs: await theirWholeRun(row.theirs, seed, place) }),
      ];
      const found = {};
      for (const measure of seed % 2 === 0 ? measures : measures.toReversed()) {
        Object.assign(found, await measure());
      }
      const { ours, theirs } = found;
      return {
        seed,
        ours: ours.seconds,
        ...(theirs && { theirs: theirs.seconds }),
        oursRun: ours,
        ...(theirs && { theirsRun: theirs }),
      };
    },
  }),
};

/** Of rows that start processes for each pair. */
const nothingMore = { reports: async () => undefined, close: async () => {} };

/** Steps of two processes in turn; who goes first changes from pair to pair. */
function pairOfWorkers(ours, theirs) {
  return {
    pair: async (number) => {
      const first = number % 2 === 1 ? await theirs?.step() : undefined;
      const own = await ours.step();
      const other = first ?? (await theirs?.step());
      return {
        ours: own.ms,
        ...(own.outsideMs !== undefined && { outside: own.outsideMs / own.ms }),
        ...(other && { theirs: other.ms }),
      };
    },
    reports: async () => ({ ours: await ours.report(), theirs: await theirs?.report() }),
    close: () => ours.end(),
  };
}

function ourStepWords({ kind, mask }, { model, materials, shape }, { threads }) {
  return [
    path('ours/step-on-demand.mjs'),
    ...['--model', model, '--batches', materials.batches, '--kind', kind, '--mask', mask],
    ...['--lowest', `${shape.lowest}`, '--threads', `${threads}`],
  ];
}

/** `gspf train` in a directory of its own: what a user runs, from the start of the program to its end. */
async function ourRun(words, { work, threads }) {
  const out = join(work, `run-${process.pid}`);
  const ran = await runProcess(node, [
    path('../dist/cli/bin.js'),
    ...['train', ...words, '--threads', `${threads}`, '--out', out, '--overwrite', '--quiet', '--json'],
  ]);
  rmSync(out, { recursive: true, force: true });
  return ran;
}

/** A short run on the batches that steps are timed with. */
function memoryRun(run, { a: { model, materials, shape } }) {
  const selected =
    run === 'saved' ? ['--selection', materials.selection] : ['--set', `select.frontier=${shape.lowest}`];
  return [
    ...['--model', model, '--task', 'text-classification', '--data', materials.table, ...selected],
    // All rows train, so that every step is of one shape, as PyTorch's are.
    ...['--eval-data', materials.table, '--limit-eval', `${shape.batch}`],
    ...['--epochs', '2', '--batch-size', `${shape.batch}`, '--set', `evalBatchSize=${shape.batch / 2}`],
    ...['--set', 'warmup.maxBatches=4'],
  ];
}

async function ourWholeRun(seed, epochs, place) {
  const { model, data, limit } = place.b;
  const { document, seconds } = await ourRun(
    [
      ...['--model', model, '--task', 'sst2', '--data', data, '--limit-train', `${limit}`],
      ...['--batch-size', '32', '--epochs', `${epochs}`, '--seed', `${seed}`],
      ...['--set', 'select.frontier=auto'],
    ],
    place,
  );
  const { phases, evaluations, metrics, task, peakRssBytes } = document;
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0);
  return {
    seconds,
    steps,
    examples: Math.min(steps * 32, epochs * task.trainExamples),
    accuracy: metrics.accuracy,
    evaluations: evaluations.map(({ epoch, metrics: { accuracy }, elapsedMs }) => ({
      epoch,
      accuracy,
      // Of the program, which began before the run did.
      seconds: elapsedMs / 1000 + seconds - document.elapsedMs / 1000,
    })),
    peakRssMB: peakRssBytes / 1e6,
  };
}

async function theirWholeRun({ method, precision }, seed, { python, threads, b: { model, data, limit } }) {
  if (python === undefined) return undefined;
  const words = [
    path('peers/full_finetuning.py'),
    ...['--model', model, '--data', data, '--limit', `${limit}`, '--batch', '32'],
    ...['--epochs', `${EPOCHS}`],
    ...['--method', method, '--precision', precision, '--seed', `${seed}`, '--threads', `${threads}`],
    '--evaluate-each-epoch',
  ];
  const { document } = await runProcess(python, words, PATIENCE);
  const { wallSeconds, steps, accuracy, evaluations, peakRssMB, trainRows } = document;
  return { seconds: wallSeconds, steps, examples: EPOCHS * trainRows, accuracy, evaluations, peakRssMB };
}

/** What a process takes that has only imported the package. */
async function idleRssMB() {
  const program = `await import(${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)});
    console.log(process.memoryUsage.rss() / 1e6)`;
  const { document } = await runProcess(node, ['--input-type=module', '-e', program]);
  return document;
}
