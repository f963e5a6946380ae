// The peers' Python, and their processes.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startWorker } from './worker.mjs';

/** Seconds for a peer's first two steps: where the processor has no bf16, it is emulated and may take minutes. */
const PATIENCE = { plain: 120, compiled: 300 };

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** What makes the environment. */
export const makeEnvironment = 'npm run bench:peers';

/** The Python of the peers; undefined where there is none. */
export function findPython(given) {
  if (given === 'none') return undefined;
  if (given !== undefined) return given;
  return ['../.venv/bin/python', '../.venv/Scripts/python.exe'].map(path).find((file) => existsSync(file));
}

/**
 * Peers that step on demand. One stays for the rows that follow, so that it is not loaded for each.
 *
 * @param place See main.mjs.
 */
export function createPeers({ python, threads, a }) {
  let kept;
  const start = async ({ method, precision, compiled = false }) => {
    if (python === undefined) return undefined;
    const words = [
      path('peers/step_on_demand.py'),
      ...['--model', a.model, '--batches', a.materials.batches, '--method', method, '--precision', precision],
      ...['--top-layers', `${a.shape.topLayers}`, '--threads', `${threads}`],
      ...(compiled ? ['--compile'] : []),
    ];
    return startWorker(python, words, compiled ? PATIENCE.compiled : PATIENCE.plain);
  };
  const release = async () => {
    const { worker } = kept ?? {};
    kept = undefined;
    await worker?.end();
  };
  return {
    start,
    take: async (peer) => {
      const key = JSON.stringify(peer);
      if (kept?.key !== key) {
        await release();
        kept = { key, worker: await start(peer) };
      }
      return kept.worker;
    },
    release,
  };
}
