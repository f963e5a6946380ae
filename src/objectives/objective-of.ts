import { GspfError } from '../errors.ts';
import type { TextModel } from '../models/text-model.ts';
import type { Task } from '../tasks/task.ts';
import { maskedLmObjective } from './masked-lm.ts';
import { sequenceNetwork } from './network.ts';
import type { Objective } from './objective.ts';
import { questionAnsweringObjective } from './question-answering.ts';
import { textClassificationObjective } from './text-classification.ts';
import { textRegressionObjective } from './text-regression.ts';
import { tokenClassificationObjective } from './token-classification.ts';
import type { ObjectiveOptions } from './trainable-model.ts';

/**
 * What a task asks of a model.
 *
 * @param maxLength Tokens after which a text is cut.
 * @throws `usage/option` for class weights that do not fit the labels, and for a task without texts.
 */
export function objectiveOf(
  task: Task,
  { encoder, tokenizer, spanTokenizer }: Pick<TextModel, 'encoder' | 'tokenizer' | 'spanTokenizer'>,
  maxLength: number,
  { classWeights = 'none', seed = 0 }: ObjectiveOptions = {},
): Objective {
  const encode = ({ text, textPair }: { text: string; textPair?: string }) =>
    tokenizer.encode(text, textPair, maxLength);
  switch (task.kind) {
    case 'text-classification':
      return textClassificationObjective(
        task,
        sequenceNetwork(encoder, task.labels.length),
        encode,
        classWeights,
      );
    case 'text-regression':
      return textRegressionObjective(task, sequenceNetwork(encoder, 1), encode);
    case 'token-classification':
      return tokenClassificationObjective(task, encoder, tokenizer, maxLength, classWeights);
    case 'question-answering':
      return questionAnsweringObjective(task, encoder, spanTokenizer(), maxLength);
    case 'masked-lm':
      return maskedLmObjective(task, encoder, tokenizer, maxLength, seed);
    case 'arrays':
      throw new GspfError('usage/option', {
        subject: `task ${task.name}`,
        expected: 'a model that is an ONNX file, which reads arrays and tables',
        got: 'one that reads texts',
      });
  }
}
