import { entitiesOf } from '../metrics/entities.ts';
import type { EncodedWords, TextTokenizer } from '../models/tokenizer.ts';
import { argmax, mean, softmax } from './losses.ts';

/** A part of a text, and what a model says of it. */
interface Judged {
  readonly text: string;
  /** Where it is in the whole text, in UTF-16 code units. */
  readonly start: number;
  readonly end: number;
  /** 0 … 1 */
  readonly score: number;
}

/** A word with its most probable label, and the label's probability. */
export interface TaggedWord extends Judged {
  readonly label: string;
}

/** Neighbouring words that are one entity; its score is the mean of theirs. */
export interface FoundEntity extends Judged {
  /** What the words' labels say after B- or I-. */
  readonly type: string;
}

/** What a model says of the words of a text. */
export interface TaggedText {
  readonly entities: readonly FoundEntity[];
  readonly words: readonly TaggedWord[];
  /** Whether the text was cut: its last words are not among those above. */
  readonly truncated: boolean;
}

/** A text cut into words, as the model reads them. */
export interface TextInWords {
  readonly text: string;
  readonly words: readonly { readonly start: number; readonly end: number }[];
  readonly input: EncodedWords;
}

/** CJK characters, each of them a word. */
const ideograph = String.raw`\p{Script=Han}`;
/** Punctuation, and what of ASCII is neither letter nor digit. */
const mark = String.raw`\p{P}!-/:-@\[-\x60{-~`;
const word = new RegExp(`[${mark}${ideograph}]|[^\\s${mark}${ideograph}]+`, 'gu');

/**
 * A text as words: parts between white space, each mark of punctuation for itself, as BERT's own tokenizer cuts it.
 *
 * Words are then read one by one, as in training, so that a model sees them as it has learnt them.
 *
 * @param maxLength Tokens after which the text is cut.
 */
export function textInWords(text: string, tokenizer: TextTokenizer, maxLength: number): TextInWords {
  const words = Array.from(text.matchAll(word), ({ index, 0: found }) => ({
    start: index,
    end: index + found.length,
  }));
  const input = tokenizer.encodeWords(
    words.map(({ start, end }) => text.slice(start, end)),
    maxLength,
  );
  return { text, words, input };
}

/**
 * The words and entities of a text, from the logits `[tokens, labels]` of its tokens: a word has the label of its first
 * token, as with the aggregation strategy `first` of transformers' pipeline.
 */
export function taggedText(
  { text, words, input }: TextInWords,
  logits: Float32Array,
  labels: readonly string[],
): TaggedText {
  const tagged = words.flatMap(({ start, end }, i): TaggedWord[] => {
    const token = input.firstTokens[i] ?? -1;
    if (token === -1) return [];
    const scores = logits.subarray(token * labels.length, (token + 1) * labels.length);
    const best = argmax(scores);
    const score = softmax(scores)[best] ?? 0;
    return [{ text: text.slice(start, end), label: labels[best] ?? '', score, start, end }];
  });
  const entities = entitiesOf(tagged.map(({ label }) => label)).flatMap(
    ({ type, first, last }): FoundEntity[] => {
      const parts = tagged.slice(first, last + 1);
      const start = parts[0]?.start ?? 0;
      const end = parts.at(-1)?.end ?? start;
      return [
        { type, text: text.slice(start, end), score: mean(parts.map(({ score }) => score)), start, end },
      ];
    },
  );
  return { entities, words: tagged, truncated: input.truncated };
}
