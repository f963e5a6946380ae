import type { Command } from 'commander';
import type { Diagnosis } from '../../node/doctor.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';

interface DoctorFlags {
  readonly model?: string;
}

export const doctor: CommandDefinition<DoctorFlags> = {
  usage: 'doctor',
  description: 'check this machine and, if you like, a model; exit status 1 where something fails',
  examples: ['gspf doctor --model all-MiniLM-L6-v2'],
  options: (command: Command): void => {
    command.option('--model <dir>', 'model directory to look into');
  },
  run,
};

async function run({ flags, output }: CommandContext<DoctorFlags>): Promise<number> {
  const { diagnose } = await import('../../node/doctor.ts');
  const checks: Diagnosis[] = [];
  for await (const check of diagnose(flags.model)) {
    checks.push(check);
    output.progress(line(check));
  }
  const count = (status: Diagnosis['status']): number =>
    checks.filter((check) => check.status === status).length;
  const ok = count('fail') === 0;
  const verdict = ok ? 'All is well' : `${count('fail')} of ${checks.length} checks failed`;
  const warnings = count('warn') === 0 ? '' : ` (${count('warn')} with a warning)`;
  output.result({ document: { ok, checks }, text: `\n${verdict}${warnings}.` });
  return ok ? 0 : 1;
}

/** Each check is shown as soon as it is done, so the columns have a fixed width. */
function line({ name, status, detail, advice }: Diagnosis): string {
  const found = `${status.padEnd(4)}  ${name.padEnd(11)}  ${detail}`;
  return advice === undefined ? found : `${found}\n${' '.repeat(19)}${advice}`;
}
