import { z } from 'zod';
import { type HeadKind, headKinds } from '../models/model-with-head.ts';
import type { PatchMetadata } from '../patch/metadata.ts';
import type { Task } from '../tasks/task.ts';

/** How transformers' classes for each kind of head end. */
export const classEndings: Readonly<Record<HeadKind, string>> = {
  'text-classification': 'ForSequenceClassification',
  'text-regression': 'ForSequenceClassification',
  'token-classification': 'ForTokenClassification',
  'question-answering': 'ForQuestionAnswering',
  'masked-lm': 'ForMaskedLM',
};

/** The pipelines of transformers and transformers.js for them. */
export const pipelines: Readonly<Record<HeadKind, string>> = {
  'text-classification': 'text-classification',
  'text-regression': 'text-classification',
  'token-classification': 'token-classification',
  'question-answering': 'question-answering',
  'masked-lm': 'fill-mask',
};

const kindSchema = z.enum(headKinds);

/**
 * What the head of a class is for, by the name in a config's `architectures` and its `problem_type`; undefined for a
 * base model.
 */
export function kindOfClass(className: string, problemType: unknown): HeadKind | undefined {
  const kind = kindSchema.options.find((candidate) => className.endsWith(classEndings[candidate]));
  return kind === 'text-classification' && problemType === 'regression' ? 'text-regression' : kind;
}

/** What the head that a patch brings is for; a patch with labels that says nothing else is a classifier's. */
export function kindOfPatch({ extra, id2label }: PatchMetadata): HeadKind | undefined {
  const said = kindSchema.safeParse(extra['task_kind']);
  return said.success ? said.data : id2label.length > 0 ? 'text-classification' : undefined;
}

/** Whether the head of that kind tells labels apart that have names. */
export function hasLabels(kind: Task['kind'] | undefined): boolean {
  return kind === 'text-classification' || kind === 'token-classification';
}
