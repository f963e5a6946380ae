import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns } from '../format.ts';
import { modelOption, openPatch } from '../model-options.ts';
import { patchOperand } from './patch-info.ts';

interface VerifyFlags {
  readonly model: string;
}

export const patchVerify: CommandDefinition<VerifyFlags> = {
  usage: 'verify <patch>',
  description: 'try a patch on its base without writing anything; exit status 1 where a check fails',
  examples: ['gspf patch verify runs/mails --model all-MiniLM-L6-v2'],
  operands: patchOperand,
  options: modelOption,
  run,
};

async function run({ flags, operands, output }: CommandContext<VerifyFlags>): Promise<number> {
  const { openModelDirectory } = await import('../../node/model-directory.ts');
  const { createSha256 } = await import('../../node/files.ts');
  const { verifyPatch } = await import('../../patch/verify.ts');
  const [path = ''] = operands;
  const patch = await openPatch(path);
  const base = await (await openModelDirectory(flags.model)).readTensors();
  const checks = verifyPatch(base, patch, { createSha256 });
  const ok = checks.every((check) => check.ok);
  output.result({
    document: { path, model: flags.model, ok, checks },
    text: alignColumns(checks.map((check) => [check.ok ? 'ok' : 'fail', check.name, check.detail])),
  });
  return ok ? 0 : 1;
}
