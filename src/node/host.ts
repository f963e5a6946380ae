import { arch, availableParallelism, cpus, platform, totalmem } from 'node:os';
import { env } from 'onnxruntime-node';
import { version } from '../version.ts';

/** The programs behind a run. */
export interface Versions {
  readonly gspf: string;
  readonly node: string;
  readonly onnxruntime: string;
}

/** The machine behind a run. */
export interface Host {
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string;
  readonly arch: string;
  /** The processor's model name. */
  readonly cpu: string;
  /** Cores that the process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
}

export function versions(): Versions {
  return {
    gspf: version,
    node: process.versions.node,
    onnxruntime: env.versions.node ?? env.versions.common,
  };
}

export function host(): Host {
  return {
    platform: platform(),
    arch: arch(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}
