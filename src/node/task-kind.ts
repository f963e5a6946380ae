import { z } from 'zod';
import type { PatchMetadata } from '../patch/metadata.ts';
import type { Task } from '../tasks/task.ts';

type Kind = Task['kind'];

/** How transformers' classes for each kind of task end, and how its pipelines call the kind. */
export const classEndings: Readonly<Record<Kind, string>> = {
  'text-classification': 'ForSequenceClassification',
  'question-answering': 'ForQuestionAnswering',
};

const kindSchema = z.enum(['text-classification', 'question-answering']);

/** What the head of a class is for, by the name in a config's `architectures`; undefined for a base model. */
export function kindOfClass(className: string): Kind | undefined {
  return kindSchema.options.find((kind) => className.endsWith(classEndings[kind]));
}

/** What the head that a patch brings is for; a patch with labels that says nothing else is a classifier's. */
export function kindOfPatch({ extra, id2label }: PatchMetadata): Kind | undefined {
  const said = kindSchema.safeParse(extra['task_kind']);
  return said.success ? said.data : id2label.length > 0 ? 'text-classification' : undefined;
}
