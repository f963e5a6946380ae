import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { readProcessStatus } from '../measure/memory.ts';
import type { Environment } from '../runtime/environment.ts';
import { createSha256 } from './files.ts';
import { type OnnxRuntimeOptions, onnxRuntime } from './onnxruntime.ts';

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
  };
}

/** What Linux says of this process; empty elsewhere. */
function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
