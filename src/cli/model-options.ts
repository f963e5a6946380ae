import { type Command, Option } from 'commander';
import { GspfError } from '../errors.ts';
import type { Model } from '../node/model.ts';
import type { OnnxModel } from '../node/onnx-model.ts';
import type { PatchOnBase } from '../node/patch-on-base.ts';
import type { RuntimeProfiler } from '../node/profiler.ts';
import type { PrefixPrecision } from '../options/options.ts';
import { parseCount, requiredOption } from './command.ts';
import { type DownloadContext, reportDownloads } from './download-display.ts';

export interface ModelFlags {
  readonly model?: string;
  readonly patch?: string;
  readonly threads?: number;
  readonly prefixPrecision?: PrefixPrecision;
  readonly profiler?: RuntimeProfiler | undefined;
}

const MODEL =
  'directory with config.json, model.safetensors and tokenizer.json, an .onnx file, or org/name[@revision] of the hub';

/** Adds a `--model` that must be given. */
export function modelOption(command: Command): void {
  requiredOption(command, '--model <model>', MODEL);
}

/** Adds a `--model` that a patch can stand in for. */
export function baseOption(command: Command): void {
  command.option('--model <model>', `${MODEL} (default: the base of the patch, found by its hash)`);
}

/** Adds `--patch`. */
export function patchOption(command: Command): void {
  command.option('--patch <path>', 'patch to put on the model: its file, or the directory of a run');
}

/** Adds `--threads`. */
export function threadsOption(command: Command): void {
  command.option('--threads <n>', 'threads to compute with (default: one for each core)', parseCount);
}

/** Adds `--prefix-precision`. */
export function precisionOption(command: Command): void {
  command.addOption(
    new Option(
      '--prefix-precision <precision>',
      'what is multiplied below the weights that the patch changes, or everywhere without one (default: as it was trained)',
    ).choices(['fp32', 'int8']),
  );
}

/** Adds `--batch-size` of commands that only predict. */
export function batchSizeOption(command: Command, standard: number): void {
  command.option('--batch-size <n>', 'texts that are computed together', parseCount, standard);
}

/** The model that the flags name, with its patch on it. @throws `usage/option` where they name neither. */
export async function openModel(
  { model: path, patch, threads, prefixPrecision, profiler }: ModelFlags,
  context: DownloadContext,
): Promise<Model | OnnxModel> {
  const { loadModel } = await import('../node/model.ts');
  return reportDownloads(context, async (locate) => {
    const options = { threads, prefixPrecision, profiler, ...locate };
    if (patch !== undefined && path === undefined) {
      const { loadPatchedModel } = await import('../node/patched-model.ts');
      return loadPatchedModel(patch, options);
    }
    if (path === undefined) {
      throw new GspfError('usage/option', {
        subject: 'gspf',
        expected: '--model, or --patch',
        got: 'neither',
      });
    }
    const model = path.endsWith('.onnx')
      ? await (await import('../node/onnx-model.ts')).loadOnnxModel(path, options)
      : await loadModel(path, options);
    return patch === undefined ? model : model.with(await openPatch(patch));
  });
}

/** A patch and its base, which is looked for where no flag names it. */
export async function openPatchOnBase(
  path: string,
  model: string | undefined,
  context: DownloadContext,
): Promise<PatchOnBase> {
  const node = await import('../node/patch-on-base.ts');
  return reportDownloads(context, (locate) => node.openPatchOnBase(path, model, locate));
}

/** The patch in a file or in the directory of a run. */
export async function openPatch(path: string): Promise<NonNullable<Model['patch']>> {
  const { readPatch } = await import('../node/patch-file.ts');
  const { patchFileOf } = await import('../node/run-directory.ts');
  return readPatch(await patchFileOf(path));
}
