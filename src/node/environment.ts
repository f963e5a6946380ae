import { setImmediate } from 'node:timers/promises';
import type { Environment } from '../runtime/environment.ts';
import { createSha256 } from './files.ts';
import { type OnnxRuntimeOptions, onnxRuntime } from './onnxruntime.ts';

/** What the core takes from Node: onnxruntime-node, node:crypto, the clock and the process's memory. */
export function nodeEnvironment(options: OnnxRuntimeOptions = {}): Environment {
  return {
    backend: onnxRuntime(options),
    createSha256,
    now: () => performance.now(),
    memory: () => ({ rssBytes: process.memoryUsage.rss(), peakRssBytes: peakRssBytes() }),
    pause: () => setImmediate(),
  };
}

/** The process's highest resident memory so far; Node reports it in kilobytes. */
function peakRssBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
