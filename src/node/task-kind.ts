import { z } from 'zod';
import type { PatchMetadata } from '../patch/metadata.ts';
import type { Task } from '../tasks/task.ts';

type Kind = Task['kind'];

/** How transformers' classes for each kind of task end, and how its pipelines call the kind. */
export const classEndings: Readonly<Record<Kind, string>> = {
  'text-classification': 'ForSequenceClassification',
  'text-regression': 'ForSequenceClassification',
  'question-answering': 'ForQuestionAnswering',
};

const kindSchema = z.enum(['text-classification', 'text-regression', 'question-answering']);

/**
 * What the head of a class is for, by the name in a config's `architectures` and its `problem_type`; undefined for a
 * base model.
 */
export function kindOfClass(className: string, problemType: unknown): Kind | undefined {
  const kind = kindSchema.options.find((candidate) => className.endsWith(classEndings[candidate]));
  return kind === 'text-classification' && problemType === 'regression' ? 'text-regression' : kind;
}

/** What the head that a patch brings is for; a patch with labels that says nothing else is a classifier's. */
export function kindOfPatch({ extra, id2label }: PatchMetadata): Kind | undefined {
  const said = kindSchema.safeParse(extra['task_kind']);
  return said.success ? said.data : id2label.length > 0 ? 'text-classification' : undefined;
}
