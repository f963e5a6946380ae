import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { SparseCosts } from '../lowering/sparse-costs.ts';
import { measureCosts } from '../measure/measure-costs.ts';
import { exists, makeDirectory, readJson, writeTextAtomically } from './files.ts';
import { host, versions } from './host.ts';
import { onnxRuntime } from './onnxruntime.ts';

/** Counts up with what the steps consist of, so that costs that were kept are measured anew. */
const MEASURED = 2;

/** The costs of a machine, and where they are kept. */
export interface MachineCosts {
  readonly costs: SparseCosts;
  readonly path: string;
  /** Whether they were measured now, and not before. */
  readonly isNew: boolean;
}

/**
 * What the steps of sparse gradients take on this machine, with so many threads: measured the first time, in some two
 * seconds, and kept in the user's cache (`XDG_CACHE_HOME`, by default `~/.cache`) from then on. A file that is damaged is
 * made anew.
 *
 * @throws `output/failed` where they cannot be kept.
 */
export async function machineCosts(
  threads?: number,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<MachineCosts> {
  const directory = join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'gspf');
  const machine = { cpu: host().cpu, cores: host().cores, threads: threads ?? null, ...versions() };
  const key = createHash('sha256')
    .update(JSON.stringify({ ...machine, measured: MEASURED }))
    .digest('hex')
    .slice(0, 16);
  const path = join(directory, `costs-${key}.json`);
  const kept = (await exists(path)) ? await read(path) : undefined;
  if (kept !== undefined) return { costs: kept, path, isNew: false };
  const costs = await measureCosts(onnxRuntime({ threads }), () => performance.now());
  await makeDirectory(directory);
  await writeTextAtomically(path, `${JSON.stringify({ machine, sparseCosts: costs }, null, 2)}\n`);
  return { costs, path, isNew: true };
}

async function read(path: string): Promise<SparseCosts | undefined> {
  try {
    return tableSchema.parse(await readJson(path)).sparseCosts;
  } catch {
    return undefined;
  }
}

const cost = z.number().min(0);
const tableSchema = z.object({
  sparseCosts: z.strictObject({
    operation: cost,
    pick: cost,
    transpose: cost,
    copy: cost,
    multiply: cost,
    reduce: cost,
    node: cost,
  } satisfies Record<keyof SparseCosts, typeof cost>),
});
