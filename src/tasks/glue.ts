import { parseTsv } from '../data/delimited.ts';
import type { Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import { accuracy, f1, matthewsCorrelation } from '../metrics/classification.ts';
import { examplesOf } from './examples.ts';
import { classesOf } from './labels.ts';
import type { TextClassificationTask, TextExample } from './task.ts';

/** One form in which the official files of a task are handed around. */
export interface GlueLayout {
  /** File names; the rows of several are taken one after another. */
  readonly train: readonly string[];
  readonly evaluation: readonly [string, ...string[]];
  /** Column names of files that have no header row. */
  readonly columns?: readonly string[];
  readonly text: string;
  readonly textPair?: string;
  readonly label: string;
}

/** A classification task of GLUE: where its files hold what, and how it is scored. */
export interface GlueTask {
  /** The folder that the GLUE download unpacks it into. */
  readonly folder: string;
  readonly labels: readonly string[];
  /** What the files hold for each label. */
  readonly codes: readonly string[];
  /** The original release first, where it differs from the GLUE download. */
  readonly layouts: readonly [GlueLayout, ...GlueLayout[]];
  /** The first is the one by which runs are compared. */
  readonly metrics: readonly [MetricName, ...MetricName[]];
}

/** What GLUE scores by (Wang et al. 2019, table 1). */
type MetricName = 'accuracy' | 'f1' | 'matthews';

const metrics: Readonly<Record<MetricName, (predicted: Int32Array, expected: Int32Array) => number>> = {
  accuracy,
  f1: (predicted, expected) => f1(predicted, expected, 'binary'),
  matthews: matthewsCorrelation,
};

const glueFiles: Pick<GlueLayout, 'train' | 'evaluation'> = { train: ['train.tsv'], evaluation: ['dev.tsv'] };
const numbered = ['0', '1'] as const;
const entailment = ['entailment', 'not_entailment'] as const;
const colaColumns = {
  columns: ['source', 'label', 'original', 'sentence'],
  text: 'sentence',
  label: 'label',
};
const mrpcColumns = { text: '#1 String', textPair: '#2 String', label: 'Quality' };

/** The classification tasks of GLUE by name. Class numbers and label names are those of the `glue` dataset card. */
export const glueTasks: Readonly<Record<string, GlueTask>> = {
  cola: {
    folder: 'CoLA',
    labels: ['unacceptable', 'acceptable'],
    codes: numbered,
    layouts: [
      {
        train: ['in_domain_train.tsv'],
        evaluation: ['in_domain_dev.tsv', 'out_of_domain_dev.tsv'],
        ...colaColumns,
      },
      { ...glueFiles, ...colaColumns },
    ],
    metrics: ['matthews', 'accuracy'],
  },
  sst2: {
    folder: 'SST-2',
    labels: ['negative', 'positive'],
    codes: numbered,
    layouts: [{ ...glueFiles, text: 'sentence', label: 'label' }],
    metrics: ['accuracy', 'f1'],
  },
  mrpc: {
    folder: 'MRPC',
    labels: ['not_equivalent', 'equivalent'],
    codes: numbered,
    layouts: [
      { train: ['msr_paraphrase_train.txt'], evaluation: ['msr_paraphrase_test.txt'], ...mrpcColumns },
      { ...glueFiles, ...mrpcColumns },
    ],
    metrics: ['accuracy', 'f1'],
  },
  qnli: {
    folder: 'QNLI',
    labels: entailment,
    codes: entailment,
    layouts: [{ ...glueFiles, text: 'question', textPair: 'sentence', label: 'label' }],
    metrics: ['accuracy'],
  },
  qqp: {
    folder: 'QQP',
    labels: ['not_duplicate', 'duplicate'],
    codes: numbered,
    layouts: [{ ...glueFiles, text: 'question1', textPair: 'question2', label: 'is_duplicate' }],
    metrics: ['accuracy', 'f1'],
  },
  rte: {
    folder: 'RTE',
    labels: entailment,
    codes: entailment,
    layouts: [{ ...glueFiles, text: 'sentence1', textPair: 'sentence2', label: 'label' }],
    metrics: ['accuracy'],
  },
  wnli: {
    folder: 'WNLI',
    labels: ['not_entailment', 'entailment'],
    codes: numbered,
    layouts: [{ ...glueFiles, text: 'sentence1', textPair: 'sentence2', label: 'label' }],
    metrics: ['accuracy'],
  },
};

/** The text of one official file, and its name. */
export interface OfficialFile {
  readonly text: string;
  readonly source: string;
}

/**
 * A task of GLUE (Wang et al. 2019) from its files: tab-separated, quotes kept as they are.
 *
 * @param files One for each name of the layout; no training files when the task is for evaluation only.
 * @throws `input/data` for files that are not of this form.
 */
export function glueTask(
  name: string,
  task: GlueTask,
  layout: GlueLayout,
  files: { readonly train: readonly OfficialFile[]; readonly evaluation: readonly OfficialFile[] },
): TextClassificationTask {
  const { labels } = task;
  const read = (file: OfficialFile): TextExample[] => readExamples(file, task, layout);
  return {
    kind: 'text-classification',
    name,
    labels,
    primaryMetric: task.metrics[0],
    evaluate: (predicted, expected) =>
      Object.fromEntries(task.metrics.map((metric) => [metric, metrics[metric](predicted, expected)])),
    train: files.train.flatMap(read),
    evaluation: files.evaluation.flatMap(read),
    notes: [],
  };
}

function readExamples(
  { text, source }: OfficialFile,
  { codes, folder }: GlueTask,
  { columns, ...layout }: GlueLayout,
): TextExample[] {
  const table = parseTsv(text, source, { quotes: 'raw', columns });
  const find = (column: string): number => columnOf(table, column, folder, layout);
  const textPair = layout.textPair === undefined ? undefined : find(layout.textPair);
  return examplesOf(
    table,
    { text: find(layout.text), textPair },
    classesOf(table, find(layout.label), codes),
  );
}

function columnOf(
  table: Table,
  wanted: string,
  folder: string,
  layout: Pick<GlueLayout, 'text' | 'textPair' | 'label'>,
): number {
  const column = table.columns.indexOf(wanted);
  if (column !== -1) return column;
  const { text, textPair, label } = layout;
  const names = [text, ...(textPair === undefined ? [] : [textPair]), label].map((known) => `"${known}"`);
  throw new GspfError('input/data', {
    subject: table.source,
    expected: `the columns ${names.slice(0, -1).join(', ')} and ${names.at(-1)} of the official ${folder} files`,
    got: table.columns.map((present) => `"${present}"`).join(', '),
    hint: "GLUE's test.tsv has no labels; use the training and dev files, or --task text-classification.",
  });
}
