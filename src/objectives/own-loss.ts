import { GspfError } from '../errors.ts';
import type { LossName } from '../options/loss-names.ts';
import type { Task } from '../tasks/task.ts';

/** The losses of tasks that have but one. */
const ownLosses: Readonly<Record<Exclude<Task['kind'], 'arrays'>, LossName>> = {
  'text-classification': 'cross-entropy',
  'text-regression': 'mse',
  'token-classification': 'token-cross-entropy',
  'question-answering': 'cross-entropy',
  'masked-lm': 'token-cross-entropy',
};

/** @throws `usage/option` for a loss other than that of a task that has but one. */
export function requireOwnLoss({ kind, name }: Task, loss: LossName | null): void {
  if (kind === 'arrays' || loss === null || loss === ownLosses[kind]) return;
  throw new GspfError('usage/option', {
    subject: 'loss',
    expected: `${ownLosses[kind]}, the one that task ${name} has`,
    got: loss,
    hint: 'Other losses are for the tasks arrays, tabular-classification and tabular-regression.',
  });
}
