import type { Command } from 'commander';
import type { Diagnosis } from '../../node/doctor.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import type { DownloadContext } from '../download-display.ts';
import { modelReportText } from '../model-report.ts';
import type { Output } from '../output.ts';

interface DoctorFlags {
  readonly model?: string;
}

export const doctor: CommandDefinition<DoctorFlags> = {
  usage: 'doctor [model]',
  description:
    'check this machine and, if you like, a model directory; or tell what of an ONNX model would be trained; exit status 1 where something fails',
  examples: ['gspf doctor --model all-MiniLM-L6-v2', 'gspf doctor model.onnx'],
  operands: { model: 'an .onnx file, to see what of it would be trained and what not' },
  options: (command: Command): void => {
    command.option('--model <model>', 'model to look into: a directory, or org/name of the hub');
  },
  run,
};

async function run({ io, flags, operands, output }: CommandContext<DoctorFlags>): Promise<number> {
  const model = operands[0] ?? flags.model;
  return model?.endsWith('.onnx') ? inspect(model, output) : check(model, { io, output });
}

/** Tells what an ONNX file is to training. */
async function inspect(path: string, output: Output): Promise<number> {
  const { inspectOnnx } = await import('../../node/onnx-file.ts');
  const report = await inspectOnnx(path);
  const ok = report.refused.length === 0 && report.weights.length > 0;
  output.result({ document: { ok, model: path, ...report }, text: modelReportText(path, report) });
  return ok ? 0 : 1;
}

/** Looks at the machine and at a model directory. */
async function check(model: string | undefined, { io, output }: DownloadContext): Promise<number> {
  const { diagnose } = await import('../../node/doctor.ts');
  const checks: Diagnosis[] = [];
  for await (const check of diagnose(model, { env: io.env })) {
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
