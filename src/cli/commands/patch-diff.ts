import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import { comparePatches } from '../../patch/merge.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { reportDownloads } from '../download-display.ts';
import { alignColumns, formatBytes, formatCount, formatShare } from '../format.ts';
import { openPatch } from '../model-options.ts';
import { overlapTable } from './patch-merge.ts';

interface DiffFlags {
  readonly out?: string;
  readonly overwrite?: true;
}

export const patchDiff: CommandDefinition<DiffFlags> = {
  usage: 'diff <base> <tuned>',
  description: 'write the patch that leads from one model to another, or show where two patches overlap',
  examples: [
    'gspf patch diff all-MiniLM-L6-v2 mails-model --out mails.safetensors',
    'gspf patch diff runs/mails runs/letters',
  ],
  operands: {
    base: "model, or a patch: its file or a run's directory",
    tuned: 'model of the same architecture, or a patch on the same base',
  },
  options: (command: Command): void => {
    command.option('--out <file>', 'patch to write, for two models');
    command.option('--overwrite', 'replace that file');
  },
  run,
};

async function run({ io, flags, operands, output }: CommandContext<DiffFlags>): Promise<undefined> {
  const { exists } = await import('../../node/files.ts');
  const { diffModelDirectories } = await import('../../node/merge.ts');
  const { writePatch } = await import('../../node/patch-file.ts');
  const [base = '', tuned = ''] = operands;
  const { out, overwrite = false } = flags;
  if ((await isPatch(base)) && (await isPatch(tuned))) {
    const overlaps = comparePatches([await openPatch(base), await openPatch(tuned)]);
    output.result({ document: { patches: [base, tuned], overlaps }, text: overlapTable(overlaps) });
    return;
  }
  if (out === undefined) {
    throw new GspfError('usage/option', {
      subject: 'gspf patch diff',
      expected: '--out <file> for the patch between two models',
      got: 'none',
      hint: 'Without it, both operands are patches.',
    });
  }
  if (!overwrite && (await exists(out))) {
    throw new GspfError('input/exists', {
      subject: out,
      expected: 'a new file',
      got: 'one that is there already',
      hint: 'Choose another name, or replace it with --overwrite.',
    });
  }
  const patch = await reportDownloads({ io, output }, (locate) => diffModelDirectories(base, tuned, locate));
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

/** Whether a path is that of a patch and not of a model. */
async function isPatch(path: string): Promise<boolean> {
  const { isFile } = await import('../../node/files.ts');
  const { patchFileOf } = await import('../../node/run-directory.ts');
  const file = await patchFileOf(path);
  return file.endsWith('.safetensors') && (await isFile(file));
}
