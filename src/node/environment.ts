import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readProcessStatus } from '../measure/memory.ts';
import type { Environment } from '../runtime/environment.ts';
import { createSha256 } from './files.ts';
import { type OnnxRuntimeOptions, onnxRuntime } from './onnxruntime.ts';
import { retainMemory } from './retained-memory.ts';

/** What the core takes from Node: onnxruntime-node, node:crypto, the clock and the process's memory. */
export function nodeEnvironment(options: OnnxRuntimeOptions = {}): Environment {
  return {
    backend: onnxRuntime(options),
    createSha256,
    now: () => performance.now(),
    trace: options.profiler?.trace,
    memory: () => ({
      rssBytes: process.memoryUsage.rss(),
      heapBytes: getHeapStatistics().total_heap_size,
      freeBytes: freemem(),
      // In kilobytes, and it can be that of the process which started this one: Linux tells better.
      peakRssBytes: 1024 * process.resourceUsage().maxRSS,
      ...readProcessStatus(processStatus()),
    }),
    pause: () => setImmediate(),
    reclaim,
    retainMemory: () => retainMemory(reclaim),
  };
}

/** V8's own collection; a context that is made after the flag was set has it as a global. */
function reclaim(): void {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  if (typeof collect === 'function') collect();
}

/** What Linux says of this process; empty elsewhere. */
function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
