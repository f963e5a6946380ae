import { argmax, softmax } from './losses.ts';

/** What a classifier says of one text. */
export interface Classification {
  /** The most probable label. */
  readonly label: string;
  /** Its probability. */
  readonly score: number;
  /** The probability of every label. */
  readonly scores: Readonly<Record<string, number>>;
}

/** The classification that logits stand for, one for each label. */
export function classificationOf(logits: Float32Array, labels: readonly string[]): Classification {
  const best = argmax(logits);
  const probabilities = softmax(logits);
  const scores = Object.fromEntries(labels.map((label, i) => [label, probabilities[i] ?? 0]));
  return { label: labels[best] ?? '', score: probabilities[best] ?? 0, scores };
}
