import { noGuess, usualLabels, usualTargets } from '../data/columns.ts';
import { chooseFeatures, type FeatureOptions, featuresOf } from '../data/feature-columns.ts';
import type { Table } from '../data/table.ts';
import { readTable, type TableFiles } from '../data/table-format.ts';
import { GspfError } from '../errors.ts';
import { float32, type Tensor } from '../tensor.ts';
import { type Arrays, type ArraysTask, arraysEvaluation, arraysTask } from './arrays.ts';
import { classesOf, learnLabels } from './labels.ts';
import { limit, readOwnData, type TaskFiles, type TaskOptions } from './sources.ts';
import { targetsOf } from './targets.ts';

/** What tables are learnt for. */
export type TabularName = 'tabular-classification' | 'tabular-regression';

/**
 * Loads a task on tables, whose columns of numbers are the features: a class or a number for each row.
 *
 * @throws `usage/option` for options that do not fit, `input/data` for bad files; what `files` throws passes through.
 */
export async function loadTabular(
  name: TabularName,
  options: TaskOptions,
  files: TaskFiles,
): Promise<ArraysTask> {
  const own = await readOwnData(name, options, files, 'table', (path) => readTable(path, files));
  const isClasses = name === 'tabular-classification';
  const primaryMetric = isClasses ? 'accuracy' : 'r2';
  const table = own.train ?? own.evaluation;
  if (table === undefined) throw noTable(name);
  const usual = isClasses ? usualLabels : usualTargets;
  const { features, label, note } = chooseFeatures(table, options, usual);
  if (label === undefined) throw noGuess(table, 'label', usual, 'labelColumn (--label-column)');
  const columns = features.map((index) => table.columns[index] ?? '');
  const labels = isClasses ? (options.labels ?? learnLabels(table, label)) : undefined;
  const arrays = (of: Table): Arrays => {
    const names = { featureColumns: columns, labelColumn: table.columns[label] };
    const chosen = of === table ? { features, label } : chooseFeatures(of, names, usual);
    const target = targetOf(of, chosen.label ?? label, labels);
    return {
      ...tableArrays(of, chosen.features),
      target: { name: table.columns[label] ?? '', tensor: target },
    };
  };
  const described = { name, primaryMetric, labels };
  const notes = note === undefined ? [] : [note];
  const task =
    own.train === undefined
      ? arraysEvaluation(described, arrays(own.evaluation), notes)
      : arraysTask(
          described,
          arrays(own.train),
          { ...options, evaluation: own.evaluation && arrays(own.evaluation) },
          notes,
        );
  return limit(task, options);
}

function noTable(name: string): GspfError {
  return new GspfError('input/data', { subject: `task ${name}`, expected: 'a table', got: 'none' });
}

/** Features alone, of a table whose rows are to be predicted. @throws as {@link loadTabular}. */
export async function readFeatures(
  path: string,
  options: FeatureOptions,
  files: TableFiles,
): Promise<Arrays> {
  const table = await readTable(path, files);
  return tableArrays(table, chooseFeatures(table, options, []).features);
}

function tableArrays(table: Table, features: readonly number[]): Arrays {
  const rows = table.rows.length;
  const tensor = float32([rows, features.length], featuresOf(table, features));
  return {
    source: table.source,
    inputs: new Map([['features', tensor]]),
    target: undefined,
    rows,
    columns: features.map((index) => table.columns[index] ?? ''),
  };
}

/** The class or the number of each row. */
function targetOf(table: Table, column: number, labels: readonly string[] | undefined): Tensor {
  if (labels === undefined) {
    return float32([table.rows.length], Float32Array.from(targetsOf(table, column)));
  }
  return { dtype: 'int32', shape: [table.rows.length], data: classesOf(table, column, labels) };
}
