import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import type { LabelledWords } from '../tasks/token-classification.ts';

/** What stands at a token that has no label to learn, as in torch.nn.CrossEntropyLoss. */
export const IGNORED = -100;

/** A sentence as the model reads it, with what is to be learnt of each token. */
export interface LabelledTokens {
  readonly input: EncodedText;
  /** `[tokens]`: the label of its word on the first token of a word, {@link IGNORED} elsewhere. */
  readonly labels: Int32Array;
  /** Position of the first token of each word; −1 for a word that is cut off or gives no token. */
  readonly firstTokens: Int32Array;
}

/** The labels of words, and how many were guessed because the model did not read them. */
export interface WordPredictions {
  /** Class numbers of the words of each sentence. */
  readonly labels: readonly Int32Array[];
  /** Words that were cut off, or of which the tokenizer leaves nothing: they are taken for words outside of entities. */
  readonly unread: number;
}

/**
 * The tokens of a sentence, labelled as transformers' run_ner labels them.
 *
 * @param maxLength Tokens after which the sentence is cut.
 */
export function labelTokens(
  { tokens: words, labels: classes }: LabelledWords,
  tokenizer: TextTokenizer,
  maxLength: number,
): LabelledTokens {
  const { firstTokens, ...input } = tokenizer.encodeWords(words, maxLength);
  const labels = new Int32Array(input.ids.length).fill(IGNORED);
  for (const [word, position] of firstTokens.entries()) {
    if (position !== -1) labels[position] = classes[word] ?? IGNORED;
  }
  return { input, labels, firstTokens };
}

/**
 * The most likely label of each word, from the logits of its first token.
 *
 * @param logits `[tokens, width]` of each sentence, row by row; rows beyond its tokens are not read.
 * @param outside The class number of words that the model did not read: that of O.
 */
export function wordPredictions(
  sentences: readonly Pick<LabelledTokens, 'firstTokens'>[],
  logits: readonly Float32Array[],
  width: number,
  outside: number,
): WordPredictions {
  let unread = 0;
  const labels = sentences.map(({ firstTokens }, sentence) => {
    const values = logits[sentence] ?? new Float32Array(0);
    return firstTokens.map((position) => {
      if (position !== -1) return highest(values, position * width, width);
      unread++;
      return outside;
    });
  });
  return { labels, unread };
}

/** The offset from `start` of the highest of `width` values; the first of equals. */
function highest(values: Float32Array, start: number, width: number): number {
  let best = 0;
  for (let i = 1; i < width; i++) if ((values[start + i] ?? 0) > (values[start + best] ?? 0)) best = i;
  return best;
}
