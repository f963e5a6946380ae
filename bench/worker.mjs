// A process that does one thing for each line it is sent, and answers in JSON.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/**
 * Starts a process and waits until it says that it is ready.
 *
 * @param patience Seconds to wait.
 * @throws an Error with its reason where it is not.
 */
export async function startWorker(command, words, patience = Number.POSITIVE_INFINITY) {
  const child = start(command, words, 'pipe');
  const late = endAfter(child, patience);
  const lastWords = collect(child.stderr);
  const gone = once(child, 'close').then(() => {
    const lines = lastWords.text().trim().split('\n');
    throw new Error(
      lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'it ended without a word',
    );
  });
  gone.catch(() => {});
  const failed = once(child, 'error').then(([error]) => {
    throw error;
  });
  failed.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    for (;;) {
      const { value, done } = await Promise.race([lines.next(), failed]);
      if (done) return gone;
      // Libraries print lines of their own.
      if (value.startsWith('{')) return JSON.parse(value);
    }
  };
  const ask = (line) => {
    child.stdin.write(`${line}\n`);
    return answer();
  };
  const first = await answer().catch((error) => {
    throw late.isOver() ? new Error(`it was not ready after ${patience} s`) : error;
  });
  late.cancel();
  if (first.failed !== undefined) {
    child.kill();
    throw new Error(first.failed);
  }
  return {
    step: () => ask('step'),
    report: () => ask('report'),
    costs: () => ask('costs'),
    end: async () => {
      child.stdin.end();
      await gone.catch(() => {});
    },
  };
}

/**
 * Runs a process to its end.
 *
 * @param patience Seconds to wait for it.
 * @returns the JSON document that it prints, and its wall time
 */
export async function runProcess(command, words, patience = Number.POSITIVE_INFINITY) {
  const startedAt = performance.now();
  const child = start(command, words, 'ignore');
  const late = endAfter(child, patience);
  const [out, err] = [collect(child.stdout), collect(child.stderr)];
  const [code] = await once(child, 'close');
  late.cancel();
  if (late.isOver()) throw new Error(`it had not ended after ${patience} s`);
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(err.text().trim().split('\n').at(-1) ?? `${command} ended with ${code}`);
  return { seconds, document: JSON.parse(out.text()) };
}

/** In a process group of its own, so that a Ctrl-C lets it finish; gone when this process is. */
function start(command, words, stdin) {
  const child = spawn(command, words, {
    stdio: [stdin, 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  const kill = () => child.kill();
  process.once('exit', kill);
  child.once('close', () => process.off('exit', kill));
  return child;
}

/** Ends a process that takes longer than so many seconds, unless that is cancelled. */
function endAfter(child, seconds) {
  let over = false;
  const end = () => {
    over = true;
    child.kill('SIGKILL');
  };
  const timer = Number.isFinite(seconds) ? setTimeout(end, 1000 * seconds) : undefined;
  return { cancel: () => clearTimeout(timer), isOver: () => over };
}

function collect(stream) {
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  return { text: () => Buffer.concat(chunks).toString('utf8') };
}
