// Kills training runs at random moments, resumes them, and compares the patches with those of uninterrupted runs.
//
//   node bench/method/kill-and-resume.mjs MODEL SST2_DIR [KILLS] [SEED]

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [model, data, kills = '20', seed = '1'] = process.argv.slice(2);
const bin = fileURLToPath(new URL('../../dist/cli/bin.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gspf-kills-'));
const common = [
  ...[
    'train',
    '--model',
    model,
    '--task',
    'sst2',
    '--data',
    data,
    '--limit-train',
    '640',
    '--limit-eval',
    '64',
  ],
  ...['--threads', '2', '--quiet', '--set', 'checkpoint.everySeconds=1'],
];
const runs = [
  ['gspf', []],
  ['gspf with refinement', ['--epochs', '4', '--set', 'refine.every=1', '--set', 'refine.probeBatches=3']],
  ['full', ['--method', 'full', '--epochs', '2']],
];

/** A small generator (mulberry32), so that the moments can be had again. */
let state = Number(seed);
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

/** Runs gspf; kills it after so many milliseconds. Resolves to its exit status, null where it was killed. */
function gspf(words, killAfterMs) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin, ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
    const timer =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

const hashOf = (directory) =>
  createHash('sha256')
    .update(readFileSync(join(directory, 'patch.safetensors')))
    .digest('hex')
    .slice(0, 16);
const stepsIn = (directory) => {
  const file = join(directory, 'metrics.jsonl');
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.includes('"loss"')).length
    : 0;
};

let failures = 0;
for (const [number, [name, words]] of runs.entries()) {
  const share = Math.floor(Number(kills) / runs.length) + (number < Number(kills) % runs.length ? 1 : 0);
  const [whole, broken] = [join(folder, `whole-${number}`), join(folder, `broken-${number}`)];
  const startedAt = performance.now();
  await gspf([...common, ...words, '--out', whole]);
  const wholeMs = performance.now() - startedAt;
  for (let left = share, attempt = 1; left > 0; attempt++) {
    rmSync(broken, { recursive: true, force: true });
    const places = [];
    while (places.length < left) {
      // Far enough to have moved on now and then, seldom far enough to finish.
      const killAfterMs = (0.1 + 0.25 * random()) * wholeMs;
      const status = await gspf([...common, ...words, '--out', broken, '--resume'], killAfterMs);
      if (status !== null) break;
      places.push(stepsIn(broken));
    }
    const status = await gspf([...common, ...words, '--out', broken, '--resume']);
    const same = status === 0 && hashOf(whole) === hashOf(broken);
    if (!same) failures++;
    const outcome = same ? 'the same' : `differs from ${hashOf(whole)}`;
    console.log(
      `${name}, run ${attempt}: killed ${places.length} times, after steps ${places.join(', ')}; patch ${hashOf(broken)} ${outcome}`,
    );
    left -= Math.max(1, places.length);
  }
}
rmSync(folder, { recursive: true });
process.exitCode = failures === 0 ? 0 : 1;
