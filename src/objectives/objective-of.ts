import type { TextModel } from '../models/text-model.ts';
import type { Task } from '../tasks/task.ts';
import type { Objective } from './objective.ts';
import { textClassificationObjective } from './text-classification.ts';

/**
 * What a task asks of a model.
 *
 * @param maxLength Tokens after which a text is cut.
 */
export function objectiveOf(
  task: Task,
  { encoder, tokenizer }: Pick<TextModel, 'encoder' | 'tokenizer'>,
  maxLength: number,
): Objective {
  const encode = ({ text, textPair }: { text: string; textPair?: string }) =>
    tokenizer.encode(text, textPair, maxLength);
  switch (task.kind) {
    case 'text-classification':
      return textClassificationObjective(task, encoder, encode);
  }
}
