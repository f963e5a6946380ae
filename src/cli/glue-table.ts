import { join } from 'node:path';
import { GspfError } from '../errors.ts';
import { type BenchmarkTask, benchmarkScore, benchmarkTasks, taskScore } from '../tasks/glue-benchmark.ts';
import type { DownloadContext } from './download-display.ts';
import { type EvalFlags, loadEvaluation } from './evaluation-task.ts';
import { alignColumns, formatCount, metricName } from './format.ts';
import { openModel } from './model-options.ts';

/** How a model fared on one task. */
interface Row {
  readonly task: string;
  readonly examples: number;
  /** Those that count, as fractions. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly score: number;
}

/**
 * Scores a run on each task of GLUE: `patch` (or `model` without it) and `data` are folders with one for each task, by
 * its name; those of `data` may have the names of the GLUE download.
 *
 * @throws `usage/option` where folders are not given, or there is no task that both have.
 */
export async function evaluateGlue(flags: EvalFlags, context: DownloadContext): Promise<undefined> {
  const { isDirectory } = await import('../node/files.ts');
  const { output } = context;
  const { data, model, patch } = flags;
  const runs = patch ?? model;
  if (data === undefined || runs === undefined) {
    throw new GspfError('usage/option', {
      subject: 'gspf eval --task glue',
      expected:
        data === undefined
          ? '--data, a folder with one for each task (CoLA, SST-2, … or cola, sst2, …)'
          : '--patch, a folder with a run for each task (cola, sst2, …)',
      got: 'none',
    });
  }
  const rows: Row[] = [];
  const missing: string[] = [];
  for (const task of benchmarkTasks) {
    const run = join(runs, task.name);
    const folders = [join(data, task.folder), join(data, task.name)];
    const isThere = await Promise.all(folders.map(isDirectory));
    const files = folders.find((_, index) => isThere[index]);
    if (files === undefined || !(await isDirectory(run))) {
      missing.push(task.name);
      continue;
    }
    const paths = patch === undefined ? { model: run } : { patch: run };
    rows.push(await scoreTask(task, { ...flags, ...paths, data: files }, context));
  }
  if (rows.length === 0) {
    throw new GspfError('usage/option', {
      subject: 'gspf eval --task glue',
      expected: `a run and data of a task at least, such as ${join(runs, 'cola')} and ${join(data, 'CoLA')}`,
      got: 'none',
      hint: `Train each task into a folder of its name: gspf train --task cola --data ${join(data, 'CoLA')} --out ${join(runs, 'cola')}`,
    });
  }
  const average = benchmarkScore(rows.map(({ score }) => score));
  if (missing.length > 0) {
    output.note(`No run or no data: ${missing.join(', ')}. The average is not that of the benchmark.`);
  }
  output.result({
    document: { model: model ?? null, patch: patch ?? null, task: 'glue', tasks: rows, average, missing },
    text: table(rows, average),
  });
}

async function scoreTask(task: BenchmarkTask, flags: EvalFlags, context: DownloadContext): Promise<Row> {
  const opened = await openModel(flags, context);
  try {
    const loaded = await loadEvaluation({ ...flags, task: task.name }, { labels: opened.labels });
    for (const note of loaded.notes) context.output.note(note);
    const metrics = await opened.evaluate(loaded, flags.batchSize);
    const counted = Object.fromEntries(
      task.metrics.flatMap((name) => (metrics[name] === undefined ? [] : [[name, metrics[name]]])),
    );
    return {
      task: task.name,
      examples: loaded.evaluation.length,
      metrics: counted,
      score: taskScore(task, metrics),
    };
  } finally {
    await opened.release();
  }
}

/** Scores times a hundred, as the benchmark prints them. */
function table(rows: readonly Row[], average: number): string {
  const points = (value: number): string => (100 * value).toFixed(1);
  return alignColumns(
    [
      ['task', 'examples', 'score', 'of'],
      ...rows.map(({ task, examples, metrics, score }) => [
        task,
        formatCount(examples),
        points(score),
        Object.entries(metrics)
          .map(([name, value]) => `${metricName(name)} ${points(value)}`)
          .join(', '),
      ]),
      ['average', '', points(average), `${rows.length} of ${benchmarkTasks.length} tasks`],
    ],
    { right: [1, 2] },
  );
}
