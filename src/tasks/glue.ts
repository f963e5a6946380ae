import { parseTsv } from '../data/delimited.ts';
import { parseJsonl } from '../data/jsonl.ts';
import { filterRows, type Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import { accuracy, f1, matthewsCorrelation } from '../metrics/classification.ts';
import { examplesOf } from './examples.ts';
import { classesOf } from './labels.ts';
import type { FileLayout, OfficialFile, OfficialFiles, OfficialTask } from './official-files.ts';
import type { TextClassificationTask, TextExample } from './task.ts';

/** One form in which the official files of a task are handed around. */
export interface GlueLayout extends FileLayout {
  /** Column names of files that have no header row. */
  readonly columns?: readonly string[];
  /** Whether rows have more or fewer fields than columns: surplus ones are left out, missing ones empty. */
  readonly ragged?: 'fit';
  readonly text: string;
  readonly textPair?: string;
  readonly label: string;
}

/** A classification task of GLUE: where its files hold what, and how it is scored. */
export interface GlueTask extends OfficialTask<GlueLayout> {
  readonly labels: readonly string[];
  /** What the files hold for each label. */
  readonly codes: readonly string[];
  /** Rows that are left out. */
  readonly leftOut?: {
    /** What the label column holds in them. */
    readonly code: string;
    /** What they are, for a note. */
    readonly meaning: string;
  };
  /** Whether a text may be empty. */
  readonly emptyTexts?: boolean;
  /** Whether many rows were made of one text, so that those that share one stay on one side of an own split. */
  readonly sharedTexts?: boolean;
  /** Names of the parts that are scored on their own, one for each evaluation file; training rows are of the first. */
  readonly subsets?: readonly [string, ...string[]];
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
const inference = ['entailment', 'neutral', 'contradiction'] as const;
const inferenceColumns = { text: 'sentence1', textPair: 'sentence2', label: 'gold_label' };
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
    sharedTexts: true,
    metrics: ['accuracy'],
  },
  mnli: {
    folder: 'MNLI',
    labels: inference,
    codes: inference,
    layouts: [
      {
        train: ['multinli_1.0_train.jsonl'],
        evaluation: ['multinli_1.0_dev_matched.jsonl', 'multinli_1.0_dev_mismatched.jsonl'],
        ...inferenceColumns,
      },
      {
        train: ['multinli_1.0_train.txt'],
        evaluation: ['multinli_1.0_dev_matched.txt', 'multinli_1.0_dev_mismatched.txt'],
        // What the single annotators said comes last, and not all of them saw each pair.
        ragged: 'fit',
        ...inferenceColumns,
      },
      {
        train: ['train.tsv'],
        evaluation: ['dev_matched.tsv', 'dev_mismatched.tsv'],
        ...inferenceColumns,
      },
      {
        train: ['mnli_train.jsonl'],
        evaluation: ['mnli_dev.jsonl'],
        text: 'premise',
        textPair: 'hypothesis',
        label: 'label',
      },
    ],
    leftOut: { code: '-', meaning: 'on whose label the annotators did not agree' },
    subsets: ['matched', 'mismatched'],
    metrics: ['accuracy'],
  },
  qqp: {
    folder: 'QQP',
    labels: ['not_duplicate', 'duplicate'],
    codes: numbered,
    layouts: [
      { ...glueFiles, ragged: 'fit', text: 'question1', textPair: 'question2', label: 'is_duplicate' },
    ],
    leftOut: { code: '', meaning: 'with missing columns' },
    emptyTexts: true,
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

/**
 * A task of GLUE (Wang et al. 2019) from its files: tab-separated, quotes kept as they are, or JSON Lines.
 *
 * @param files One for each name of the layout; no training files when the task is for evaluation only.
 * @throws `input/data` for files that are not of this form.
 */
export function glueTask(
  name: string,
  task: GlueTask,
  layout: GlueLayout,
  files: Omit<OfficialFiles<GlueLayout>, 'layout'>,
): TextClassificationTask {
  const notes: string[] = [];
  const read = (file: OfficialFile, subset: string | undefined): TextExample[] => {
    const { examples, note } = readExamples(file, task, layout);
    notes.push(...note);
    return subset === undefined ? examples : examples.map((example) => ({ ...example, subset }));
  };
  return {
    kind: 'text-classification',
    name,
    labels: task.labels,
    ...scoring(task),
    train: files.train.flatMap((file, index) => read(file, task.subsets?.[files.ownSplit ? index : 0])),
    evaluation: files.evaluation.flatMap((file, index) => read(file, task.subsets?.[index])),
    notes,
  };
}

/** The task's metrics, of each of its subsets that has examples where there are subsets. */
function scoring(task: GlueTask): Pick<TextClassificationTask, 'primaryMetric' | 'evaluate'> {
  const [primary] = task.metrics;
  if (task.subsets === undefined) {
    return { primaryMetric: primary, evaluate: (predicted, expected) => scores(task, predicted, expected) };
  }
  const subsets = task.subsets;
  return {
    primaryMetric: `${primary}_${subsets[0]}`,
    evaluate: (predicted, expected) =>
      Object.assign(
        {},
        ...subsets.map((subset) => {
          const isOf = (row: number): boolean => expected[row]?.subset === subset;
          const part = expected.filter((_, row) => isOf(row));
          const own = predicted.filter((_, row) => isOf(row));
          return part.length === 0 ? {} : scores(task, own, part, `_${subset}`);
        }),
      ),
  };
}

function scores(
  task: GlueTask,
  predicted: Int32Array,
  expected: readonly TextExample[],
  suffix = '',
): Record<string, number> {
  const labels = Int32Array.from(expected, ({ label }) => label);
  const entries = task.metrics.map((metric) => [`${metric}${suffix}`, metrics[metric](predicted, labels)]);
  return Object.fromEntries(entries);
}

function readExamples(
  { text, source }: OfficialFile,
  { codes, folder, leftOut, emptyTexts }: GlueTask,
  { columns, ragged, ...layout }: GlueLayout,
): { readonly examples: TextExample[]; readonly note: readonly string[] } {
  const whole = source.endsWith('.jsonl')
    ? parseJsonl(text, source)
    : parseTsv(text, source, { quotes: 'raw', columns, ragged });
  const find = (column: string): number => columnOf(whole, column, folder, layout);
  const label = find(layout.label);
  const table = leftOut === undefined ? whole : filterRows(whole, (cells) => cells[label] !== leftOut.code);
  const lost = whole.rows.length - table.rows.length;
  const places = {
    text: find(layout.text),
    textPair: layout.textPair === undefined ? undefined : find(layout.textPair),
    emptyTexts,
  };
  return {
    examples: examplesOf(table, places, classesOf(table, label, codes)),
    note:
      lost === 0 ? [] : [`${source}: left out ${lost} of ${whole.rows.length} rows, ${leftOut?.meaning}.`],
  };
}

/**
 * The number of a column of an official file.
 *
 * @throws `input/data` for a file that lacks it, as GLUE's test files do.
 */
export function columnOf(
  table: Table,
  wanted: string,
  folder: string,
  { text, textPair, label }: Pick<GlueLayout, 'text' | 'textPair' | 'label'>,
): number {
  const column = table.columns.indexOf(wanted);
  if (column !== -1) return column;
  const names = [text, ...(textPair === undefined ? [] : [textPair]), label].map((known) => `"${known}"`);
  throw new GspfError('input/data', {
    subject: table.source,
    expected: `the columns ${names.slice(0, -1).join(', ')} and ${names.at(-1)} of the official ${folder} files`,
    got: table.columns.map((present) => `"${present}"`).join(', '),
    hint: "GLUE's test.tsv has no labels; use the training and dev files, or --task text-classification.",
  });
}
