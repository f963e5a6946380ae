import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import { alignColumns, shellWord } from '../format.ts';
import { baseOption, openPatchOnBase } from '../model-options.ts';
import { patchOperand } from './patch-info.ts';

export interface WriteFlags {
  readonly out: string;
  readonly overwrite?: true;
}

interface ApplyFlags extends WriteFlags {
  readonly model?: string;
}

export const patchApply: CommandDefinition<ApplyFlags> = {
  usage: 'apply <patch>',
  description: 'write a model with the patch merged in, and an undo patch',
  examples: ['gspf patch apply runs/mails --out mails-model'],
  operands: patchOperand,
  options: (command: Command): void => {
    baseOption(command);
    outputDirectoryOptions(command);
  },
  run,
};

/** Adds `--out` and `--overwrite`. */
export function outputDirectoryOptions(command: Command): void {
  requiredOption(command, '--out <dir>', 'directory to write');
  command.option('--overwrite', 'replace files that are in it already');
}

async function run({ io, flags, operands, output }: CommandContext<ApplyFlags>): Promise<undefined> {
  const { applyPatchToDirectory, UNDO_FILE } = await import('../../node/merge.ts');
  const { applyPatchToOnnx } = await import('../../node/merge-onnx.ts');
  const [path = ''] = operands;
  const { model, out, overwrite } = flags;
  const { patch, base } = await openPatchOnBase(path, model, { io, output });
  const isOnnx = 'path' in base;
  const written = isOnnx
    ? await applyPatchToOnnx(base.path, patch, out, { overwrite })
    : await applyPatchToDirectory(base.directory, patch, out, { overwrite });
  const merged = isOnnx ? join(out, basename(base.path)) : out;
  output.result({
    document: { path, model: base.name, ...written, undo: UNDO_FILE },
    text: alignColumns([
      ['merged model', out],
      ['sha256', `${written.sha256} (read back from disk)`],
      [
        'undo',
        `gspf patch revert ${shellWord(merged)} --out ${shellWord(`${out.replace(/[/\\]+$/, '')}-reverted`)}`,
      ],
    ]),
  });
}
