import type { Batch } from '../data/batches.ts';
import { maskedInputs, PAIR_LABELS } from '../models/masked-lm.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import { textFeeds } from '../objectives/text-feeds.ts';
import { int64, type Tensor } from '../tensor.ts';
import type { Dice } from './dice.ts';
import { join, message } from './grammar.ts';
import { specialTokens } from './tokenizer.ts';

/** A message cut in two: what it says up to its request, and how it goes on. */
export interface PretrainingExample {
  readonly pair: EncodedText;
  /** 0 where the second text is the first one's own, 1 where it comes from another message. */
  readonly label: 0 | 1;
}

/** Which messages to take. */
export interface MessageRange {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/**
 * Messages as pairs of texts, every other one with the end of the message before it in place of its own: BERT's
 * next sentence prediction.
 */
export function pretrainingExamples(
  tokenizer: TextTokenizer,
  maxLength: number,
  { seed, first, count }: MessageRange,
): readonly PretrainingExample[] {
  return Array.from({ length: count }, (_, i) => {
    const label = i % 2 === 0 ? 0 : 1;
    const { opening, request } = message(seed, first + i);
    const { closing, ending } = message(seed, first + i - label);
    const pair = tokenizer.encode(join(opening, request), join(closing, ending), maxLength);
    return { pair, label };
  });
}

/** How many tokens of a batch are predicted: one of every seven positions, padding included. */
export function maskedCount(texts: number, length: number): number {
  return Math.floor((texts * length) / 7);
}

/**
 * The graph inputs for a batch, some of its tokens hidden as BERT does it: of those to be predicted, 80 % become
 * [MASK], 10 % any other token, 10 % stay.
 */
export function pretrainingFeeds(
  examples: readonly PretrainingExample[],
  { rows, length }: Batch,
  vocabSize: number,
  random: Dice,
): ReadonlyMap<string, Tensor> {
  const chosen = Array.from(rows).flatMap((row) => examples[row] ?? []);
  const texts = chosen.map(({ pair }) => ({ ...pair, ids: [...pair.ids] }));
  const candidates = texts.flatMap(({ ids }, text) =>
    ids.flatMap((token, position) => (isSpecial(token) ? [] : [{ text, position, token }])),
  );
  const masked = sample(candidates, maskedCount(texts.length, length), random);
  for (const { text, position, token } of masked) {
    texts[text]?.ids.splice(position, 1, disguise(token, vocabSize, random));
  }
  const positions = masked.map(({ text, position }) => text * length + position);
  const tokens = masked.map(({ token }) => token);
  const labels = chosen.map(({ label }) => label);
  return textFeeds(texts, length, specialTokens.indexOf('[PAD]'))
    .set(maskedInputs.positions, int64([masked.length], positions))
    .set(maskedInputs.tokens, int64([masked.length, 1], tokens))
    .set(PAIR_LABELS, int64([texts.length, 1], labels));
}

function isSpecial(token: number): boolean {
  return token < specialTokens.length;
}

function disguise(token: number, vocabSize: number, random: Dice): number {
  if (random.chance(0.8)) return specialTokens.indexOf('[MASK]');
  return random.chance(0.5) ? random.between(specialTokens.length, vocabSize - 1) : token;
}

/** So many of the candidates, each at most once: the first steps of a Fisher–Yates shuffle. */
function sample<T>(candidates: readonly T[], count: number, random: Dice): readonly T[] {
  const order = [...candidates];
  for (let i = 0; i < Math.min(count, order.length); i++) {
    const [drawn] = order.splice(random.between(i, order.length - 1), 1);
    if (drawn !== undefined) order.splice(i, 0, drawn);
  }
  return order.slice(0, count);
}
