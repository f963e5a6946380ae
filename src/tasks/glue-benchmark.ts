import { glueTasks } from './glue.ts';
import { stsb } from './glue-stsb.ts';

/** A task of the benchmark. */
export interface BenchmarkTask {
  /** As loadTask knows it. */
  readonly name: string;
  /** The folder of its files in the GLUE download. */
  readonly folder: string;
  /** The metrics whose mean is its score. */
  readonly metrics: readonly string[];
}

/** The metrics of each task by which the benchmark scores it; of the others, its accuracy. */
const scored: Readonly<Record<string, readonly string[]>> = {
  cola: ['matthews'],
  mrpc: ['f1', 'accuracy'],
  stsb: ['pearson', 'spearman'],
  qqp: ['f1', 'accuracy'],
  mnli: ['accuracy_matched', 'accuracy_mismatched'],
};

const order = ['cola', 'sst2', 'mrpc', 'stsb', 'qqp', 'mnli', 'qnli', 'rte', 'wnli'] as const;

/** The nine tasks of GLUE in the order of its table (Wang et al. 2019, table 1). */
export const benchmarkTasks: readonly BenchmarkTask[] = order.map((name) => ({
  name,
  folder: name === 'stsb' ? stsb.folder : (glueTasks[name]?.folder ?? name),
  metrics: scored[name] ?? ['accuracy'],
}));

/**
 * A task's score: the mean of its metrics, those that there are (MNLI's two halves may not both be there).
 *
 * @returns a fraction, −1 … 1; not-a-number where none is there
 */
export function taskScore({ metrics }: BenchmarkTask, values: Readonly<Record<string, number>>): number {
  return meanOf(metrics.flatMap((name) => values[name] ?? []));
}

/** GLUE's score: the mean of the tasks' scores (Wang et al. 2019, section 3). Not-a-number of none. */
export function benchmarkScore(scores: readonly number[]): number {
  return meanOf(scores);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
