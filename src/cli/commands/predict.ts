import type { Command } from 'commander';
import { GspfError } from '../../errors.ts';
import type { Model, Question, TextInput } from '../../node/model.ts';
import type { OnnxModel } from '../../node/onnx-model.ts';
import type { Texts } from '../../node/texts.ts';
import type { Arrays } from '../../tasks/arrays.ts';
import { type CommandContext, type CommandDefinition, collect } from '../command.ts';
import {
  baseOption,
  batchSizeOption,
  type ModelFlags,
  openModel,
  patchOption,
  precisionOption,
  threadsOption,
} from '../model-options.ts';
import { type ColumnFlags, textColumnOptions } from '../task-options.ts';

interface PredictFlags extends ModelFlags, ColumnFlags {
  readonly text?: readonly string[];
  readonly textPair?: readonly string[];
  readonly batchSize: number;
}

/** Texts between two moments at which results are printed, in batches. */
const BATCHES_AT_ONCE = 8;

export const predict: CommandDefinition<PredictFlags> = {
  usage: 'predict [file]',
  description:
    'classify or score texts or rows of arrays, label words, fill masks, answer questions; prints one line of JSON for each',
  examples: [
    "gspf predict --patch runs/mails --text 'My parcel never came'",
    'gspf predict --model all-MiniLM-L6-v2 --patch runs/mails new.csv',
    'cat texts.txt | gspf predict --model all-MiniLM-L6-v2 --patch runs/mails -',
  ],
  operands: {
    file: 'table (.csv, .tsv, .json, .jsonl), text a line (.txt), - for lines from standard input, or arrays (.safetensors)',
  },
  options,
  run,
};

function options(command: Command): void {
  baseOption(command);
  patchOption(command);
  command
    .option('--text <text>', 'a text, or a question; may be repeated', collect)
    .option('--text-pair <text>', 'the second text of a pair, or what the question is about', collect);
  textColumnOptions(command);
  batchSizeOption(command, 32);
  threadsOption(command);
  precisionOption(command);
}

async function run({ io, flags, operands, output }: CommandContext<PredictFlags>): Promise<undefined> {
  const [file] = operands;
  const model = await openModel(flags, { io, output });
  try {
    if (file !== undefined && !('base' in model) && readsArrays(model, file)) {
      const arrays = await readRows(model, file);
      const results = await model.predictArrays(arrays, flags.batchSize);
      for (const [row, result] of results.entries()) output.line({ row, ...result });
      return;
    }
    const { inputs, notes } = await readInputs(flags, file, io.stdin);
    for (const note of notes) output.note(note);
    const step = flags.batchSize * BATCHES_AT_ONCE;
    for (let start = 0; start < inputs.length; start += step) {
      const chunk = inputs.slice(start, start + step);
      const results = await predictionsOf(model, chunk, flags.batchSize);
      for (const [i, result] of results.entries()) output.line({ ...describe(chunk[i] ?? ''), ...result });
    }
  } finally {
    await model.release();
  }
}

/** Whether a file holds rows for a graph that reads no texts. */
function readsArrays({ kind }: OnnxModel, file: string): boolean {
  return kind === 'arrays' || file.toLowerCase().endsWith('.safetensors');
}

/** The rows of a safetensors file, or of a table of the columns that the model was trained with. */
async function readRows({ featureColumns }: OnnxModel, file: string): Promise<Arrays> {
  const { taskFiles } = await import('../../node/files.ts');
  if (featureColumns === undefined) {
    return (await import('../../tasks/load-arrays.ts')).readArrays(file, {}, taskFiles);
  }
  return (await import('../../tasks/load-tabular.ts')).readFeatures(file, { featureColumns }, taskFiles);
}

/** What the model says of each input, by what its head is for. */
function predictionsOf(
  model: Model | OnnxModel,
  inputs: readonly TextInput[],
  batchSize: number,
): Promise<readonly object[]> {
  if (!('base' in model)) {
    return model.kind === 'text-regression'
      ? model.regress(inputs, batchSize)
      : model.classify(inputs, batchSize);
  }
  switch (model.kind) {
    case 'text-regression':
      return model.regress(inputs, batchSize);
    case 'token-classification':
      return model.labelWords(inputs.map(loneText), batchSize);
    case 'masked-lm':
      return model.fillMask(inputs.map(loneText), { batchSize });
    case 'question-answering':
      return model.answer(inputs.map(questionOf), batchSize);
    default:
      return model.classify(inputs, batchSize);
  }
}

/** A pair as a question and what it is about. @throws `input/data` for a text alone. */
function questionOf(input: TextInput): Question {
  if (typeof input !== 'string') return { question: input[0], context: input[1] };
  throw new GspfError('input/data', {
    subject: `"${input}"`,
    expected: 'a question and a text: --text and --text-pair, or two columns',
    got: 'one text',
  });
}

/** @throws `input/data` for a pair. */
function loneText(input: TextInput): string {
  if (typeof input === 'string') return input;
  throw new GspfError('input/data', {
    subject: `"${input[0]}"`,
    expected: 'one text',
    got: 'a pair of texts',
  });
}

function describe(input: TextInput): { readonly text: string; readonly textPair?: string } {
  if (typeof input === 'string') return { text: input };
  const [text, textPair] = input;
  return { text, textPair };
}

async function readInputs(
  flags: PredictFlags,
  file: string | undefined,
  stdin: () => Promise<string>,
): Promise<Texts> {
  const { readTexts, textLines } = await import('../../node/texts.ts');
  const given = pairUp(flags.text ?? [], flags.textPair);
  const found =
    file === undefined ? none : file === '-' ? textLines(await stdin()) : await readTexts(file, flags);
  const inputs = [...given, ...found.inputs];
  if (inputs.length > 0) return { inputs, notes: found.notes };
  throw new GspfError('usage/option', {
    subject: 'gspf predict',
    expected: 'texts: --text, a file, or - for standard input',
    got: file === undefined ? 'none' : `none in ${file === '-' ? 'standard input' : file}`,
  });
}

/** Texts with the second texts that were given for them. @throws `usage/option` where they are not as many. */
function pairUp(texts: readonly string[], pairs: readonly string[] | undefined): readonly TextInput[] {
  if (pairs === undefined) return texts;
  if (pairs.length === texts.length) return texts.map((text, i): TextInput => [text, pairs[i] ?? '']);
  throw new GspfError('usage/option', {
    subject: '--text-pair',
    expected: `one for each --text, ${texts.length}`,
    got: `${pairs.length}`,
  });
}

const none: Texts = { inputs: [], notes: [] };
