import type { Command } from 'commander';
import { type CommandContext, type CommandDefinition, requiredOption } from '../command.ts';
import { alignColumns, formatBytes, formatCount } from '../format.ts';
import { threadsOption } from '../model-options.ts';

interface GradientFlags {
  readonly inputs: string;
  readonly cotangents: string;
  readonly out: string;
  readonly wrtInputs?: true;
  readonly threads?: number;
}

export const gradients: CommandDefinition<GradientFlags> = {
  usage: 'gradients <model>',
  description: 'gradients of any ONNX model with respect to its float weights',
  examples: [
    'gspf gradients model.onnx --inputs in.safetensors --cotangents ct.safetensors --out grads.safetensors',
  ],
  operands: { model: 'forward graph, as an .onnx file' },
  options: (command: Command): void => {
    requiredOption(command, '--inputs <file>', "safetensors with the graph's inputs by name");
    requiredOption(command, '--cotangents <file>', 'safetensors with OUTPUT or cotangent/OUTPUT for outputs');
    requiredOption(command, '--out <file>', 'safetensors to write: grad/WEIGHT, output/OUTPUT');
    command.option('--wrt-inputs', 'also grad_input/INPUT for inputs of floats');
    threadsOption(command);
  },
  run,
};

async function run({ flags, operands, output }: CommandContext<GradientFlags>): Promise<undefined> {
  const { readBytes, writeAtomically } = await import('../../node/files.ts');
  const { modelGradients } = await import('../../node/gradients.ts');
  const { readOnnx } = await import('../../node/onnx-file.ts');
  const { decodeSafetensors } = await import('../../safetensors/decode.ts');
  const { safetensorsChunks } = await import('../../safetensors/encode.ts');
  const [path = ''] = operands;
  const { out } = flags;
  const graph = await readOnnx(path);
  const inputs = decodeSafetensors(await readBytes(flags.inputs), flags.inputs).tensors;
  const cotangents = decodeSafetensors(await readBytes(flags.cotangents), flags.cotangents).tensors;
  const { tensors, omitted } = await modelGradients(graph, inputs, cotangents, flags);
  if (omitted.length > 0) {
    output.note(`Without gradient, as they are float64: ${omitted.join(', ')}.`);
  }
  const chunks = safetensorsChunks(tensors);
  await writeAtomically(out, chunks);
  const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const names = [...tensors.keys()];
  const count = (prefix: string): number => names.filter((name) => name.startsWith(prefix)).length;
  output.result({
    document: { model: path, out, sizeBytes, tensors: names, omitted },
    text: alignColumns([
      ['weights', `${formatCount(count('grad/'))} gradients`],
      ...(flags.wrtInputs ? [['inputs', `${formatCount(count('grad_input/'))} gradients`]] : []),
      ['outputs', formatCount(count('output/'))],
      ['written to', `${out} (${formatBytes(sizeBytes)})`],
    ]),
  });
}
