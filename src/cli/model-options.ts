import type { Command } from 'commander';
import type { Model } from '../node/model.ts';
import { parseCount, requiredOption } from './command.ts';

export interface ModelFlags {
  readonly model: string;
  readonly patch?: string;
  readonly threads?: number;
}

/** Adds `--model`. */
export function modelOption(command: Command): void {
  requiredOption(
    command,
    '--model <dir>',
    'directory with config.json, model.safetensors and tokenizer.json',
  );
}

/** Adds `--patch`. */
export function patchOption(command: Command): void {
  command.option('--patch <path>', 'patch to put on the model: its file, or the directory of a run');
}

/** Adds `--threads`. */
export function threadsOption(command: Command): void {
  command.option('--threads <n>', 'threads to compute with (default: one for each core)', parseCount);
}

/** Adds `--batch-size` of commands that only predict. */
export function batchSizeOption(command: Command, standard: number): void {
  command.option('--batch-size <n>', 'texts that are computed together', parseCount, standard);
}

/** The model that the flags name, with its patch on it. */
export async function openModel({ model: path, patch, threads }: ModelFlags): Promise<Model> {
  const { loadModel } = await import('../node/model.ts');
  const model = await loadModel(path, { threads });
  return patch === undefined ? model : model.with(await openPatch(patch));
}

/** The patch in a file or in the directory of a run. */
export async function openPatch(path: string): Promise<NonNullable<Model['patch']>> {
  const { readPatch } = await import('../node/patch-file.ts');
  const { patchFileOf } = await import('../node/run-directory.ts');
  return readPatch(await patchFileOf(path));
}
