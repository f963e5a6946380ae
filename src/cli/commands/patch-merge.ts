import { type Command, Option } from 'commander';
import { GspfError } from '../../errors.ts';
import { mergePatches, type Overlap, type Preference, preferences } from '../../patch/merge.ts';
import { version } from '../../version.ts';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import { alignColumns, formatBytes, formatCount, formatShare } from '../format.ts';
import { openPatch } from '../model-options.ts';

interface MergeFlags {
  readonly out: string;
  readonly prefer: Preference;
  readonly overwrite?: true;
}

export const patchMerge: CommandDefinition<MergeFlags> = {
  usage: 'merge <patches...>',
  description: 'make one patch of several on the same base',
  examples: ['gspf patch merge runs/mails runs/letters --prefer mean --out both.safetensors'],
  operands: { patches: "patches' files, or the directories of runs" },
  options: (command: Command): void => {
    requiredOption(command, '--out <file>', 'patch to write');
    command
      .addOption(
        new Option('--prefer <which>', 'whose value an element gets that several change differently')
          .choices(preferences)
          .default('error'),
      )
      .option('--overwrite', 'replace that file');
  },
  run,
};

async function run({ flags, operands, output }: CommandContext<MergeFlags>): Promise<undefined> {
  const { exists } = await import('../../node/files.ts');
  const { writePatch } = await import('../../node/patch-file.ts');
  const { out, prefer, overwrite = false } = flags;
  if (!overwrite && (await exists(out))) {
    throw new GspfError('input/exists', {
      subject: out,
      expected: 'a new file',
      got: 'one that is there already',
      hint: 'Choose another name, or replace it with --overwrite.',
    });
  }
  const patches = [];
  for (const path of operands) patches.push(await openPatch(path));
  const { patch, overlaps } = mergePatches(patches, { prefer, createdBy: `gspf ${version}` });
  const sizeBytes = await writePatch(out, patch);
  const { selected, ratio } = patch.metadata;
  output.result({
    document: { patches: operands, patch: out, sizeBytes, prefer, overlaps, ...patch.metadata },
    text: [
      alignColumns([
        ['patch', `${out} (${formatBytes(sizeBytes)})`],
        ['weights', `${formatCount(selected)} of the base (${formatShare(ratio)})`],
      ]),
      overlapTable(overlaps),
    ].join('\n\n'),
  });
}

/** Which tensors several patches change, and how often they differ. */
export function overlapTable(overlaps: readonly Overlap[]): string {
  if (overlaps.length === 0) return 'No tensor is changed by more than one.';
  const rows = overlaps.map(({ name, shared, conflicting, incomparable }) =>
    incomparable ? [name, '', 'as a whole'] : [name, formatCount(shared), formatCount(conflicting)],
  );
  return alignColumns([['changed by more than one', 'weights', 'differently'], ...rows], { right: [1, 2] });
}
