import { parseTsv } from '../data/delimited.ts';
import { pearson, spearman } from '../metrics/correlation.ts';
import { columnOf, type GlueLayout } from './glue.ts';
import type { OfficialFile, OfficialTask } from './official-files.ts';
import { type TextRegressionTask, type TextTarget, targetExamples } from './text-regression.ts';

const columns = { text: 'sentence1', textPair: 'sentence2', label: 'score' };

/** The release of the STS Benchmark has no header, and in some rows the sentences' sources at the end. */
const release = {
  columns: ['genre', 'file', 'year', 'id', 'score', 'sentence1', 'sentence2'],
  ragged: 'fit',
  ...columns,
} as const;

/** The files of STS-B, the regression task of GLUE: pairs of sentences, scored 0 … 5 by how alike they are. */
export const stsb: OfficialTask<GlueLayout> = {
  folder: 'STS-B',
  layouts: [
    { train: ['sts-train.csv'], evaluation: ['sts-dev.csv'], ...release },
    { train: ['sts-train.tsv'], evaluation: ['sts-dev.tsv'], ...release },
    { train: ['train.tsv'], evaluation: ['dev.tsv'], ...columns },
  ],
};

/**
 * STS-B (Cer et al. 2017) from its files: tab-separated whatever their names end in, quotes kept as they are.
 *
 * @param files One for each name of the layout; no training files when the task is for evaluation only.
 * @throws `input/data` for files that are not of this form.
 */
export function stsbTask(
  layout: GlueLayout,
  files: { readonly train: readonly OfficialFile[]; readonly evaluation: readonly OfficialFile[] },
): TextRegressionTask {
  const read = (file: OfficialFile): TextTarget[] => readTargets(file, layout);
  return {
    kind: 'text-regression',
    name: 'stsb',
    train: files.train.flatMap(read),
    evaluation: files.evaluation.flatMap(read),
    notes: [],
    primaryMetric: 'pearson',
    evaluate: (predicted, expected) => {
      const targets = expected.map(({ target }) => target);
      return { pearson: pearson(predicted, targets), spearman: spearman(predicted, targets) };
    },
  };
}

function readTargets({ text, source }: OfficialFile, layout: GlueLayout): TextTarget[] {
  const table = parseTsv(text, source, { quotes: 'raw', columns: layout.columns, ragged: layout.ragged });
  const find = (column: string): number => columnOf(table, column, stsb.folder, layout);
  const textPair = layout.textPair === undefined ? undefined : find(layout.textPair);
  return targetExamples(table, { text: find(layout.text), textPair }, find(layout.label));
}
