import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../tensor.ts';
import { maskedLmLogitsGraph, maskedLmParameters } from './masked-lm.ts';
import type { Parameter } from './parameters.ts';
import { questionAnsweringGraph, questionAnsweringParameters } from './question-answering.ts';
import { classifierGraph, classifierParameters } from './sequence-classification.ts';
import type { Head, TextEncoder } from './text-encoder.ts';
import { tokenClassifierGraph, tokenClassifierParameters } from './token-classification.ts';

/** What heads are for, by the names of transformers' pipelines but for `text-regression` and `masked-lm`. */
export const headKinds = [
  'text-classification',
  'text-regression',
  'token-classification',
  'question-answering',
  'masked-lm',
] as const;

export type HeadKind = (typeof headKinds)[number];

/** One of transformers' classes with a head. */
export interface ModelWithHead {
  readonly parameters: readonly Parameter[];
  /** Its forward graph as files have it, with parameters as inputs; outputs have the names that optimum gives them. */
  readonly graph: () => Graph;
}

/**
 * What transformers' class of an encoder with a head of some kind consists of.
 *
 * @param tensors Tell how many labels the head has.
 * @throws `input/model` for a head that transformers does not have for the architecture.
 */
export function modelWithHead(
  encoder: TextEncoder,
  kind: HeadKind,
  tensors: ReadonlyMap<string, Tensor>,
): ModelWithHead {
  const labelsOf = ({ output }: Head): number => tensors.get(`${output}.weight`)?.shape[0] ?? 0;
  switch (kind) {
    case 'text-classification':
    case 'text-regression': {
      const labels = labelsOf(encoder.sequenceHead);
      return {
        parameters: classifierParameters(encoder, labels),
        graph: () => classifierGraph(encoder, labels, undefined, 'export'),
      };
    }
    case 'token-classification': {
      const labels = labelsOf(encoder.tokenClassHead);
      return {
        parameters: tokenClassifierParameters(encoder, labels),
        graph: () => tokenClassifierGraph(encoder, labels),
      };
    }
    case 'question-answering':
      return {
        parameters: questionAnsweringParameters(encoder),
        graph: () => questionAnsweringGraph(encoder),
      };
    case 'masked-lm':
      return { parameters: maskedLmParameters(encoder), graph: () => maskedLmLogitsGraph(encoder) };
  }
}
