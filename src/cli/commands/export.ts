import { type Command, Option } from 'commander';
import { GspfError } from '../../errors.ts';
import type { OnnxModel } from '../../node/onnx-model.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { alignColumns } from '../format.ts';
import { baseOption, type ModelFlags, openModel, patchOption } from '../model-options.ts';
import type { Output } from '../output.ts';
import { outputDirectoryOptions, type WriteFlags } from './patch-apply.ts';

interface ExportFlags extends ModelFlags, WriteFlags {
  readonly format: 'safetensors' | 'onnx';
}

export const exportModel: CommandDefinition<ExportFlags> = {
  usage: 'export',
  description: 'write a directory that transformers, transformers.js or onnxruntime load',
  examples: ['gspf export --model all-MiniLM-L6-v2 --patch runs/mails --format onnx --out exported'],
  options: (command: Command): void => {
    baseOption(command);
    patchOption(command);
    command.addOption(
      new Option('--format <name>', 'safetensors for transformers, onnx for transformers.js and onnxruntime')
        .choices(['safetensors', 'onnx'])
        .default('safetensors'),
    );
    outputDirectoryOptions(command);
  },
  run,
};

async function run({ io, flags, output }: CommandContext<ExportFlags>): Promise<undefined> {
  const { saveModelDirectory, saveOnnxDirectory } = await import('../../node/save-model.ts');
  const { classEndings, pipelines } = await import('../../node/task-kind.ts');
  const { writeDirectory } = await import('../../node/output-directory.ts');
  const { patch, format, out, overwrite = false } = flags;
  const model = await openModel(flags, { io, output });
  if (!('base' in model)) return exportOnnx(model, flags, output);
  const { base, kind, labels } = model;
  const save = format === 'onnx' ? saveOnnxDirectory : saveModelDirectory;
  const tensors = await model.readTensors();
  await writeDirectory(out, { overwrite }, (staging) => save(staging, { base, tensors, kind, labels }));
  const task = kind === undefined ? '' : pipelines[kind];
  const loads = {
    safetensors: [
      ['load with', `AutoModel${kind === undefined ? '' : classEndings[kind]}.from_pretrained(…)`],
    ],
    onnx: [
      ['onnx/model.onnx', `float32: pipeline('${task}', …, { dtype: 'fp32' }), or in onnxruntime`],
      ['onnx/model_quantized.onnx', `8 bits, a quarter of the size: pipeline('${task}', …, { dtype: 'q8' })`],
    ],
  };
  output.result({
    document: { model: model.name, patch: patch ?? null, format, directory: out, labels: labels ?? null },
    text: alignColumns([['exported to', out], ...loads[format]]),
  });
}

/** Writes a model that is an ONNX file, with its patch, as one ONNX file with the weights inside. */
async function exportOnnx(model: OnnxModel, flags: ExportFlags, output: Output): Promise<undefined> {
  const { saveOnnxFile } = await import('../../node/save-onnx-file.ts');
  const { format, out, overwrite = false, patch } = flags;
  if (format !== 'onnx') {
    throw new GspfError('usage/option', {
      subject: '--format',
      expected: 'onnx, for a model that is an ONNX file',
      got: format,
    });
  }
  const path = await saveOnnxFile(model, out, overwrite);
  output.result({
    document: {
      model: flags.model,
      patch: patch ?? null,
      format,
      directory: out,
      labels: model.labels ?? null,
    },
    text: alignColumns([
      ['exported to', path],
      ['load with', 'onnxruntime'],
    ]),
  });
}
