import type { ArraysTask } from './arrays.ts';
import type { MaskedLmTask } from './masked-lm.ts';
import type { QuestionAnsweringTask } from './question-answering.ts';
import type { TextRegressionTask } from './text-regression.ts';
import type { TokenClassificationTask } from './token-classification.ts';

/** One input with its class. */
export interface TextExample {
  readonly text: string;
  /** The second text of a pair. */
  readonly textPair?: string;
  /** Class number, an index into the task's labels. */
  readonly label: number;
  /** The part of the evaluation data that it counts to, where parts are scored on their own. */
  readonly subset?: string;
}

/** A classification of texts or pairs of texts: its data, its label names and how it is scored. */
export interface TextClassificationTask {
  readonly kind: 'text-classification';
  /** The name under which the task was asked for. */
  readonly name: string;
  /** Label names by class number. */
  readonly labels: readonly string[];
  /** Empty when the task was loaded for evaluation only. */
  readonly train: readonly TextExample[];
  readonly evaluation: readonly TextExample[];
  /** Sentences to print: guessed columns, the split that was made, limits. */
  readonly notes: readonly string[];
  /** The metric of {@link evaluate} by which runs are compared. */
  readonly primaryMetric: string;
  /** Metrics of predicted class numbers, one for each example, as fractions 0 … 1. */
  evaluate(predicted: Int32Array, expected: readonly TextExample[]): Readonly<Record<string, number>>;
}

/** Any task. */
export type Task =
  | TextClassificationTask
  | TextRegressionTask
  | TokenClassificationTask
  | QuestionAnsweringTask
  | MaskedLmTask
  | ArraysTask;

/** Label names by class number; none of a task that has no classes. */
export function labelsOf(task: Task): readonly string[] {
  return 'labels' in task ? (task.labels ?? []) : [];
}
