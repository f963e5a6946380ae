import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
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
    memory: () => ({
      rssBytes: process.memoryUsage.rss(),
      peakRssBytes: peakRssBytes(),
      freeBytes: freemem(),
    }),
    pause: () => setImmediate(),
  };
}

/**
 * The process's highest resident memory so far. Linux tells it of the process itself; the number that Node reports
 * elsewhere (in kilobytes) can be that of the process which started this one.
 */
function peakRssBytes(): number {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(processStatus()) ?? [];
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) * 1024;
}

/** What Linux says of this process; empty elsewhere. */
function processStatus(): string {
  try {
    return readFileSync('/proc/self/status', 'utf8');
  } catch {
    return '';
  }
}
