import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns } from '../format.ts';
import { baseOption, openPatchOnBase } from '../model-options.ts';
import { patchOperand } from './patch-info.ts';

interface VerifyFlags {
  readonly model?: string;
}

export const patchVerify: CommandDefinition<VerifyFlags> = {
  usage: 'verify <patch>',
  description: 'try a patch on its base without writing anything; exit status 1 where a check fails',
  examples: ['gspf patch verify runs/mails'],
  operands: patchOperand,
  options: baseOption,
  run,
};

async function run({ io, flags, operands, output }: CommandContext<VerifyFlags>): Promise<number> {
  const { createSha256 } = await import('../../node/files.ts');
  const { verifyPatch } = await import('../../patch/verify.ts');
  const [path = ''] = operands;
  const { patch, base } = await openPatchOnBase(path, flags.model, { io, output });
  const checks = verifyPatch(await base.readTensors(), patch, { createSha256 });
  const ok = checks.every((check) => check.ok);
  output.result({
    document: { path, model: base.name, ok, checks },
    text: alignColumns(checks.map((check) => [check.ok ? 'ok' : 'fail', check.name, check.detail])),
  });
  return ok ? 0 : 1;
}
