import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import { alignColumns, formatBytes, formatCount, formatShare } from '../format.ts';

interface DiffFlags {
  readonly out: string;
  readonly overwrite?: true;
}

export const patchDiff: CommandDefinition<DiffFlags> = {
  usage: 'diff <base> <tuned>',
  description: 'write the patch that leads from one model to another',
  examples: ['gspf patch diff all-MiniLM-L6-v2 mails-model --out mails.safetensors'],
  operands: { base: 'model directory', tuned: 'model directory of the same architecture' },
  options: (command: Command): void => {
    requiredOption(command, '--out <file>', 'patch to write');
    command.option('--overwrite', 'replace that file');
  },
  run,
};

async function run({ flags, operands, output }: CommandContext<DiffFlags>): Promise<undefined> {
  const { exists } = await import('../../node/files.ts');
  const { diffModelDirectories } = await import('../../node/merge.ts');
  const { writePatch } = await import('../../node/patch-file.ts');
  const [base = '', tuned = ''] = operands;
  const { out, overwrite = false } = flags;
  if (!overwrite && (await exists(out))) {
    throw new GspfError('input/exists', {
      subject: out,
      expected: 'a new file',
      got: 'one that is there already',
      hint: 'Choose another name, or replace it with --overwrite.',
    });
  }
  const patch = await diffModelDirectories(base, tuned);
  const sizeBytes = await writePatch(out, patch);
  const { selected, ratio } = patch.metadata;
  const tensors = patch.tensors.size + patch.removed.length;
  output.result({
    document: { base, tuned, patch: out, sizeBytes, tensors, ...patch.metadata },
    text: alignColumns([
      ['patch', `${out} (${formatBytes(sizeBytes)})`],
      ['tensors', `${formatCount(tensors)} differ`],
      ['weights', `${formatCount(selected)} of the base differ (${formatShare(ratio)})`],
    ]),
  });
}
