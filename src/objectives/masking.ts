import { counterDraws } from '../data/counter-draws.ts';
import type { EncodedPiece, EncodedText } from '../models/tokenizer.ts';

/** A text of which some tokens are to be guessed. */
export interface MaskedText {
  /** As the model reads it: most of those tokens are hidden. */
  readonly input: EncodedText;
  /** Positions of the tokens to be guessed, ascending. */
  readonly positions: readonly number[];
  /** What they are. */
  readonly tokens: readonly number[];
}

/** What a masking needs to know of the vocabulary. */
export interface MaskingVocabulary {
  /** The token that hides others. */
  readonly maskId: number;
  readonly vocabSize: number;
}

/** BERT's: of the tokens that are guessed, so many are hidden, and so many another token is put for. */
const [HIDDEN, REPLACED] = [0.8, 0.1];

/** How many of a text's tokens are guessed: 15 %, at least one. */
export function maskedCount(tokens: number): number {
  return Math.max(1, Math.round(0.15 * tokens));
}

/**
 * Chooses 15 % of a text's tokens to be guessed: 80 % of them become the mask, 10 % any token, 10 % stay.
 *
 * Source: BERT (Devlin et al. 2019), section 3.1 and appendix A.1.
 *
 * @param counters What the draws follow from beside the seed, such as epoch and row.
 */
export function maskTokens(
  { ordinary, ...input }: EncodedPiece,
  { maskId, vocabSize }: MaskingVocabulary,
  seed: number,
  counters: readonly number[],
): MaskedText {
  const draw = counterDraws(seed, counters);
  const order = [...ordinary];
  const count = Math.min(order.length, maskedCount(order.length));
  // The first steps of a Fisher–Yates shuffle.
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(draw() * (order.length - i));
    [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
  }
  const positions = order.slice(0, count).sort((a, b) => a - b);
  const ids = [...input.ids];
  const tokens = positions.map((position) => {
    const token = ids[position] ?? maskId;
    const chance = draw();
    const any = Math.floor(draw() * vocabSize);
    ids[position] = chance < HIDDEN ? maskId : chance < HIDDEN + REPLACED ? any : token;
    return token;
  });
  return { input: { ...input, ids }, positions, tokens };
}
