import type { Command } from 'commander';
import { glueTasks } from '../tasks/glue.ts';
import type { TaskOptions } from '../tasks/load.ts';
import { parseCount, parseSeed, parseShare, requiredOption } from './command.ts';

export interface ColumnFlags {
  readonly textColumn?: string;
  readonly textPairColumn?: string;
  readonly labelColumn?: string;
  readonly featureColumns?: readonly string[];
}

export interface TaskFlags extends ColumnFlags {
  readonly task: string;
  readonly data?: string;
  readonly evalData?: string;
  readonly evalRatio?: number;
  readonly limitTrain?: number;
  readonly limitEval?: number;
}

/** Adds `--task` and `--data`. */
export function taskOptions(command: Command): void {
  requiredOption(
    command,
    '--task <name>',
    `text-classification, text-regression, token-classification, question-answering or masked-lm for data of your own; tabular-classification, tabular-regression or arrays for an .onnx model; or ${Object.keys(glueTasks).join(', ')}, stsb, squad`,
  );
  command.option('--data <path>', "the task's directory of files, or your own file");
}

/** Adds `--text-column` and `--text-pair-column`. */
export function textColumnOptions(command: Command): void {
  command
    .option('--text-column <name>', 'column of the text (default: guessed from its name)')
    .option('--text-pair-column <name>', 'column of the second text, for pairs');
}

/** Adds `--label-column` and `--feature-columns`. */
export function columnOptions(command: Command): void {
  command
    .option('--label-column <name>', 'column or tensor of the label (default: guessed from its name)')
    .option(
      '--feature-columns <a,b,c>',
      'of a tabular task: columns of features (default: all columns of numbers)',
      (names) => names.split(','),
    );
}

/** Adds `--limit-eval`. */
export function limitEvalOption(command: Command): void {
  command.option('--limit-eval <n>', 'evaluate on so many rows only, always the same', parseCount);
}

/** Adds what tells rows that a run held out from those that it was trained on. */
export function heldOutOptions(command: Command): void {
  command
    .option(
      '--eval-ratio <share>',
      'evaluate on the rows only that training with this share held out',
      parseShare,
    )
    .option(
      '--seed <n>',
      'seed of that split (default: that of the run given as --patch, else 0)',
      parseSeed,
    );
}

/** Adds what only training needs: how to hold rows out, and how many to train on. */
export function splitOptions(command: Command): void {
  command
    .option('--eval-data <file>', 'table to evaluate on')
    .option(
      '--eval-ratio <share>',
      'share of the training rows to hold out instead (default: 0.1 of your table)',
      parseShare,
    )
    .option('--limit-train <n>', 'train on so many rows only, always the same', parseCount);
}

/** What loading the task takes of the flags. */
export function taskOptionsOf(flags: TaskFlags): TaskOptions {
  const { data, evalData, evalRatio, textColumn, textPairColumn, labelColumn } = flags;
  const { featureColumns, limitTrain, limitEval } = flags;
  const columns = { textColumn, textPairColumn, labelColumn, featureColumns };
  return { data, evalData, evalRatio, ...columns, limitTrain, limitEval };
}

/** What a file of the user's own may be called, by task. */
const newFiles: Readonly<Record<string, string>> = {
  'text-classification': 'NEW.csv',
  'text-regression': 'NEW.csv',
  'token-classification': 'NEW.conll',
  'question-answering': 'NEW.json',
  'masked-lm': 'NEW.txt',
  'tabular-classification': 'NEW.csv',
  'tabular-regression': 'NEW.csv',
  arrays: 'NEW.safetensors',
};

/** GLUE's tasks of two texts. */
const pairTasks = new Set(['mrpc', 'stsb', 'qnli', 'mnli', 'qqp', 'rte', 'wnli']);

/** What to try a finished run with: a text, two for a task of pairs, or a file for a task that has none. */
export function trial({ task, textPairColumn }: TaskFlags): string {
  if (task === 'arrays' || task.startsWith('tabular-')) return newFiles[task] ?? '';
  if (task === 'squad' || task === 'question-answering') {
    return "--text 'A question of yours' --text-pair 'A text that answers it'";
  }
  if (task === 'masked-lm') return "--text 'A text with a [MASK]'";
  const isPair = pairTasks.has(task) || textPairColumn !== undefined;
  return `--text 'A text of yours'${isPair ? " --text-pair 'Another'" : ''}`;
}

/** The path to evaluate a finished run on: what was held out, or a table that it has not seen. */
export function unseenData({ task, data, evalData }: TaskFlags): string | undefined {
  return evalData ?? newFiles[task] ?? data;
}
