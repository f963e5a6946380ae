import type { Command } from 'commander';
import { patchInfo as listTensors, type PatchInfoRow } from '../../patch/info.ts';
import type { Patch } from '../../patch/patch.ts';
import type { Tensor } from '../../tensor.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { type DownloadContext, reportDownloads } from '../download-display.ts';
import { alignColumns, formatBytes, formatCount, formatShare, plural } from '../format.ts';
import { openPatch } from '../model-options.ts';

interface InfoFlags {
  readonly model?: string;
}

export const patchOperand = { patch: "a patch's file, or the directory of a run" } as const;

export const patchInfo: CommandDefinition<InfoFlags> = {
  usage: 'info <patch>',
  description: 'what a patch is for, and what it changes',
  examples: ['gspf patch info runs/mails --model all-MiniLM-L6-v2'],
  operands: patchOperand,
  options: (command: Command): void => {
    command.option('--model <model>', 'its base, to tell the share of each tensor that changes');
  },
  run,
};

async function run({ io, flags, operands, output }: CommandContext<InfoFlags>): Promise<undefined> {
  const [path = ''] = operands;
  const patch = await openPatch(path);
  const base = flags.model === undefined ? undefined : await readBase(flags.model, { io, output });
  const tensors = listTensors(patch, base);
  output.result({
    document: { path, ...patch.metadata, tensors },
    text: `${alignColumns(headRows(patch))}\n\n${tensorTable(tensors, base !== undefined)}`,
  });
}

async function readBase(model: string, context: DownloadContext): Promise<ReadonlyMap<string, Tensor>> {
  const { openModel } = await import('../../node/open-model.ts');
  return reportDownloads(context, async (locate) => (await openModel(model, locate)).readTensors());
}

function headRows({ metadata }: Patch): readonly (readonly string[])[] {
  const { baseName, baseSha256, method, task, id2label, selected, ratio, createdBy, extra } = metadata;
  const maxLength = extra['max_length'];
  return [
    ['base', baseName],
    ['base sha256', baseSha256],
    ['method', method],
    ...(task === '' ? [] : [['task', task]]),
    ...(id2label.length === 0 ? [] : [['labels', id2label.join(', ')]]),
    ...(maxLength === undefined ? [] : [['longest text', `${maxLength} tokens`]]),
    ['trained weights', `${formatCount(selected)} (${formatShare(ratio)})`],
    ['written by', createdBy],
  ];
}

function tensorTable(rows: readonly PatchInfoRow[], hasBase: boolean): string {
  const kinds = { sparse: 'in part', dense: 'whole', removed: 'removed' } as const;
  // The share of a tensor is known only where its size is.
  const withShare = (cells: readonly string[], share: string): readonly string[] =>
    hasBase ? [...cells, share] : cells;
  const body = rows.map(({ name, kind, changed, share, sizeBytes }) =>
    withShare(
      [name, kinds[kind], formatCount(changed), formatBytes(sizeBytes)],
      share === undefined ? '' : formatShare(share),
    ),
  );
  const changed = rows.reduce((sum, row) => sum + row.changed, 0);
  const sizeBytes = rows.reduce((sum, row) => sum + row.sizeBytes, 0);
  return alignColumns(
    [
      withShare(['tensor', 'changes', 'weights', 'size'], 'share'),
      ...body,
      withShare([plural(rows.length, 'tensor'), '', formatCount(changed), formatBytes(sizeBytes)], ''),
    ],
    { right: [2, 3, 4] },
  );
}
