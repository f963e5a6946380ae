import type { Graph } from '../graph/graph.ts';
import { maskedTokensGraph } from '../models/masked-lm.ts';
import { classifierGraph } from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import { tokenClassifierGraph } from '../models/token-classification.ts';
import type { LogitsLayout } from './objective.ts';
import { spanGraph, spanLayout } from './question-answering.ts';

/** A forward graph, to be made if it is not there yet. */
export interface Form {
  /** Forms of one encoder with the same key are the same. */
  readonly key: string;
  readonly graph: () => Graph;
  readonly layout: LogitsLayout;
}

/** One row of logits for each text: classes, or a number. */
export function textForm(encoder: TextEncoder, width: number): Form {
  return {
    key: `text ${width}`,
    graph: () => classifierGraph(encoder, width),
    layout: { of: 'text', width },
  };
}

/** A class for each token. */
export function tokenForm(encoder: TextEncoder, width: number): Form {
  return {
    key: `token ${width}`,
    graph: () => tokenClassifierGraph(encoder, width),
    layout: { of: 'token', width },
  };
}

/** Where an answer begins and ends. */
export function questionForm(encoder: TextEncoder): Form {
  return { key: 'question', graph: () => spanGraph(encoder), layout: spanLayout };
}

/** The logits of one token of each text. */
export function maskForm(encoder: TextEncoder): Form {
  return {
    key: 'mask',
    graph: () => maskedTokensGraph(encoder),
    layout: { of: 'slot', width: encoder.vocabSize, slots: () => 1 },
  };
}
