import type { Batch } from '../data/batches.ts';
import { maskedInputs, PAIR_LABELS } from '../models/masked-lm.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import { int64, type Tensor } from '../tensor.ts';
import { textAt, textFeeds } from '../training/encoded-examples.ts';
import { type Dice, dice } from './dice.ts';
import { join, type Message, message } from './grammar.ts';
import { specialTokens, vocabulary } from './tokenizer.ts';

/** A message cut in two: what it says up to its request, and how it goes on. */
export interface PretrainingExample {
  readonly pair: EncodedText;
  /** 0 where the second text is the first one's own, 1 where it comes from another message. */
  readonly label: 0 | 1;
}

/**
 * Messages `first` … `first + count − 1` of a seed as pairs of texts, every other one with the end of the message
 * before it in place of its own: BERT's next sentence prediction.
 */
export function pretrainingExamples(
  tokenizer: TextTokenizer,
  maxLength: number,
  { seed, first, count }: { readonly seed: number; readonly first: number; readonly count: number },
): readonly PretrainingExample[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? 0 : 1;
    const { opening, request } = message(seed, first + i);
    const end = message(seed, first + i - label);
    return { pair: tokenizer.encode(join(opening, request), endOf(end), maxLength), label };
  });
}

function endOf({ closing, ending }: Message): string {
  return join(closing, ending);
}

const MASK_TOKEN = specialTokens.indexOf('[MASK]');
const isSpecial = (token: number): boolean => token < specialTokens.length;

/** How many tokens of a batch are predicted: of every seven positions, padding included, one. */
export function maskedCount({ rows, length }: Batch): number {
  return Math.floor((rows.length * length) / 7);
}

/**
 * The graph inputs for a batch, some of its tokens hidden as BERT does it: of those to be predicted, 80 % become
 * [MASK], 10 % a random token, 10 % stay.
 */
export function pretrainingFeeds(
  examples: readonly PretrainingExample[],
  batch: Batch,
  random: Dice,
): ReadonlyMap<string, Tensor> {
  const chosen = Array.from(batch.rows, (row) => row).map((row) => examples[row]);
  const texts = chosen.map((example, i) => {
    const { ids, typeIds, truncated } = textAt(chosen.map((each) => each?.pair ?? emptyText), i);
    return { ids: [...ids], typeIds, truncated, label: example?.label ?? 0 };
  });
  const candidates = texts.flatMap(({ ids }, text) =>
    ids.flatMap((token, position) => (isSpecial(token) ? [] : [{ text, position, token }])),
  );
  const masked = sample(candidates, maskedCount(batch), random);
  for (const { text, position, token } of masked) {
    const row = texts[text];
    if (row !== undefined) row.ids[position] = hidden(token, random);
  }
  return textFeeds(texts, batch.length, specialTokens.indexOf('[PAD]'))
    .set(
      maskedInputs.positions,
      int64(
        [masked.length],
        masked.map(({ text, position }) => text * batch.length + position),
      ),
    )
    .set(
      maskedInputs.tokens,
      int64(
        [masked.length, 1],
        masked.map(({ token }) => token),
      ),
    )
    .set(
      PAIR_LABELS,
      int64(
        [texts.length, 1],
        texts.map(({ label }) => label),
      ),
    );
}
