import { parseTsv } from '../data/delimited.ts';
import type { Table } from '../data/table.ts';
import { GspfError } from '../errors.ts';
import { examplesOf } from './examples.ts';
import { classesOf, classificationMetrics } from './labels.ts';
import type { TextClassificationTask, TextExample } from './task.ts';

const labels = ['negative', 'positive'] as const;
/** What the files hold for each label. */
const codes = ['0', '1'] as const;

/** The text of one official file, and its name. */
export interface OfficialFile {
  readonly text: string;
  readonly source: string;
}

/**
 * SST-2, the sentiment of film reviews (Socher et al. 2013, as released with GLUE): evaluated on dev.tsv, 872 rows.
 *
 * @param files train.tsv and dev.tsv, tab-separated, with columns `sentence` and `label` (0 or 1); without `train`
 * the task is for evaluation only.
 * @throws `input/data` for files that are not of this form.
 */
export function sst2(files: {
  readonly train?: OfficialFile;
  readonly evaluation: OfficialFile;
}): TextClassificationTask {
  return {
    kind: 'text-classification',
    name: 'sst2',
    labels,
    ...classificationMetrics(labels),
    train: files.train === undefined ? [] : readExamples(files.train),
    evaluation: readExamples(files.evaluation),
    notes: [],
  };
}

function readExamples({ text, source }: OfficialFile): TextExample[] {
  const table = parseTsv(text, source, 'raw');
  const classes = classesOf(table, columnOf(table, 'label'), codes);
  return examplesOf(table, { text: columnOf(table, 'sentence'), textPair: undefined }, classes);
}

function columnOf(table: Table, name: string): number {
  const column = table.columns.indexOf(name);
  if (column !== -1) return column;
  throw new GspfError('input/data', {
    subject: table.source,
    expected: 'the columns "sentence" and "label" of the official SST-2 files',
    got: table.columns.map((present) => `"${present}"`).join(', '),
    hint: "The release's test.tsv has no labels; use train.tsv and dev.tsv, or --task text-classification.",
  });
}
