import type { Command } from 'commander';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns } from '../format.ts';
import { outputDirectoryOptions, type WriteFlags } from './patch-apply.ts';

interface RevertFlags extends WriteFlags {
  readonly undo?: string;
}

export const patchRevert: CommandDefinition<RevertFlags> = {
  usage: 'revert <merged>',
  description: 'write the model that a merged one was made from, bit for bit',
  examples: ['gspf patch revert mails-model --out all-MiniLM-L6-v2-again'],
  operands: { merged: 'model directory or .onnx file that gspf patch apply wrote' },
  options: (command: Command): void => {
    command.option('--undo <file>', 'the undo patch (default: undo.safetensors in the directory)');
    outputDirectoryOptions(command);
  },
  run,
};

async function run({ flags, operands, output }: CommandContext<RevertFlags>): Promise<undefined> {
  const { revertPatchInDirectory } = await import('../../node/merge.ts');
  const [merged = ''] = operands;
  const { out, overwrite, undo } = flags;
  const { revertPatchInOnnx } = await import('../../node/merge-onnx.ts');
  const revert = merged.endsWith('.onnx') ? revertPatchInOnnx : revertPatchInDirectory;
  const written = await revert(merged, out, {
    overwrite,
    ...(undo === undefined ? {} : { undoPath: undo }),
  });
  output.result({
    document: { merged, ...written },
    text: alignColumns([
      ['restored model', out],
      ['sha256', `${written.sha256} (that of the base)`],
    ]),
  });
}
