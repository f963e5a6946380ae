import { classificationMetrics } from '../tasks/labels.ts';
import type { TextClassificationTask, TextExample } from '../tasks/task.ts';
import { join, message } from './grammar.ts';
import { intents } from './words.ts';

/** How many texts the demonstration's task has. */
export interface DemoTaskSize {
  readonly train: number;
  readonly evaluation: number;
}

/** The seed of the task's texts. Pretraining draws from others: see demo/README.md. */
export const TASK_SEED = 20_260_101;

/**
 * What does the customer want? Five classes, all alike in number up to chance.
 *
 * Most texts name two or three things of which one is asked for, and either comes first, so that no word alone
 * gives the class away. Texts for training and for evaluation are different ones.
 */
export function demoTask({ train, evaluation }: DemoTaskSize): TextClassificationTask {
  const examples = distinctExamples(train + evaluation);
  return {
    kind: 'text-classification',
    name: 'demo',
    labels: intents,
    ...classificationMetrics(intents),
    train: examples.slice(0, train),
    evaluation: examples.slice(train),
    notes: [],
  };
}

function distinctExamples(wanted: number): readonly TextExample[] {
  const labels = new Map<string, number>();
  for (let number = 0; labels.size < wanted; number++) {
    const { wanted: intent, opening, request, ending } = message(TASK_SEED, number);
    if (intent !== null) labels.set(join(opening, request, ending), intents.indexOf(intent));
  }
  return Array.from(labels, ([text, label]) => ({ text, label }));
}
