import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { GspfError } from '../errors.ts';

/** One text or pair of texts as the model reads it. */
export interface EncodedText {
  readonly ids: readonly number[];
  /** 0 for the first text, 1 for the second. */
  readonly typeIds: readonly number[];
  /** Whether tokens were cut off. */
  readonly truncated: boolean;
}

/** Turns texts into token ids, special tokens included. */
export interface TextTokenizer {
  /** @param maxLength Longest result in tokens; longer inputs are cut, the longer text of a pair first. */
  encode(text: string, textPair: string | undefined, maxLength: number): EncodedText;
  /**
   * Each word on its own, as tokenizers does with words that were cut already; byte-level ones see a space before it.
   *
   * @param maxLength Longest result in tokens; what is beyond it is cut off.
   */
  encodeWords(words: readonly string[], maxLength: number): EncodedWords;
  /**
   * All of a text, in as many pieces as it takes; none where the text has no token.
   *
   * @param maxLength Longest piece in tokens, special ones included.
   */
  encodePieces(text: string, maxLength: number): readonly EncodedPiece[];
  /** The token that stands for one to be guessed; undefined where there is none. */
  readonly mask: { readonly token: string; readonly id: number } | undefined;
  /** The text of a token: of one that goes on a word, with the sign of that, as `##ing`. */
  textOf(id: number): string;
}

/** A part of a text as the model reads it. */
export interface EncodedPiece extends EncodedText {
  /** Positions of the tokens that are the text's own and not special. */
  readonly ordinary: readonly number[];
}

/** Words as the model reads them. */
export interface EncodedWords extends EncodedText {
  /** Position of the first token of each word; −1 for a word that is cut off or gives no token. */
  readonly firstTokens: Int32Array;
}

/**
 * A tokenizer from the contents of `tokenizer.json` and `tokenizer_config.json`.
 *
 * Truncation is transformers' `longest_first`, by the lengths given to `encode`; what the files say of truncation
 * and padding is not applied.
 *
 * @throws `input/tokenizer` for files that no tokenizer can be made of.
 */
export function textTokenizer(tokenizerJson: object, configJson: object, source: string): TextTokenizer {
  // The library trusts the file: what is damaged in it comes to light anywhere, as a TypeError.
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      if (cause instanceof GspfError) throw cause;
      const got = cause instanceof Error ? cause.message : String(cause);
      throw new GspfError('input/tokenizer', { subject: source, expected: 'a whole tokenizer', got, cause });
    }
  };
  const tokenizer = guarded(() => buildTokenizer(tokenizerJson, configJson, source));
  return {
    ...tokenizer,
    encode: (...input) => guarded(() => tokenizer.encode(...input)),
    encodeWords: (...input) => guarded(() => tokenizer.encodeWords(...input)),
  };
}

function buildTokenizer(tokenizerJson: object, configJson: object, source: string): TextTokenizer {
  const tokenizer = construct(tokenizerJson, configJson, source);
  const { post_processor: postProcessor } = tokenizer;
  if (postProcessor === null) {
    throw new GspfError('input/tokenizer', {
      subject: source,
      expected: 'a post_processor, which adds [CLS] and [SEP] or their like',
      got: 'none',
    });
  }
  const {
    model,
    post_processor: plan,
    pre_tokenizer: cutter,
    added_tokens: added,
  } = filesSchema.parse(tokenizerJson);
  const unknown = model.unk_id ?? tokenizer.token_to_id(model.unk_token ?? '');
  const idOf = (token: string): number => {
    const id = tokenizer.token_to_id(token) ?? unknown;
    if (id !== undefined) return id;
    throw new GspfError('input/tokenizer', {
      subject: source,
      expected: `an id for "${token}"`,
      got: 'none',
    });
  };
  // RoBERTa's gives every token the type 0.
  const hasTypes = plan?.type !== 'RobertaProcessing';
  const tokensOf = (text: string): string[] => tokenizer.tokenize(text, { add_special_tokens: false });
  const specialTokens = { single: 0, pair: 0 };
  specialTokens.single = postProcessor.post_process([]).tokens.length;
  specialTokens.pair = postProcessor.post_process([], []).tokens.length;

  // There words at the beginning of a text and words after a space are different tokens.
  const isByteLevel = [cutter, ...(cutter?.pretokenizers ?? [])].some((part) => part?.type === 'ByteLevel');
  const addedTokens = new Set(added.map(({ content }) => content));
  const special = new Set(added.filter((token) => token.special).map(({ content }) => content));
  const maskToken = maskTokenOf(configJson, added);
  const maskId = maskToken === undefined ? undefined : tokenizer.token_to_id(maskToken);
  /** Where the text's own tokens begin among those that are added. */
  const before = postProcessor.post_process(['\u0000']).tokens.indexOf('\u0000');
  const needsSpace = (word: string): boolean => isByteLevel && !addedTokens.has(word);

  return {
    encodeWords: (words, maxLength) => {
      const tokens = words.map((word) => tokensOf(needsSpace(word) ? ` ${word}` : word));
      const all = tokens.flat();
      const kept = all.slice(0, Math.max(0, maxLength - specialTokens.single));
      const processed = postProcessor.post_process(kept);
      let next = 0;
      const firstTokens = Int32Array.from(tokens, ({ length }) => {
        const first = next;
        next += length;
        return length > 0 && first < kept.length ? before + first : -1;
      });
      return {
        ids: processed.tokens.map(idOf),
        typeIds: (hasTypes ? processed.token_type_ids : undefined) ?? processed.tokens.map(() => 0),
        truncated: kept.length < all.length,
        firstTokens,
      };
    },
    encodePieces: (text, maxLength) => {
      const all = tokensOf(text);
      const room = Math.max(1, maxLength - specialTokens.single);
      return Array.from({ length: Math.ceil(all.length / room) }, (_, piece) => {
        const own = all.slice(piece * room, (piece + 1) * room);
        const { tokens, token_type_ids: typeIds } = postProcessor.post_process(own);
        return {
          ids: tokens.map(idOf),
          typeIds: (hasTypes ? typeIds : undefined) ?? tokens.map(() => 0),
          truncated: false,
          ordinary: own.flatMap((token, i) => (special.has(token) ? [] : [before + i])),
        };
      });
    },
    mask: maskToken === undefined || maskId === undefined ? undefined : { token: maskToken, id: maskId },
    textOf: (id) => tokenizer.decode([id], { clean_up_tokenization_spaces: false }),
    encode: (text, textPair, maxLength) => {
      const first = tokensOf(text);
      const second = textPair === undefined ? undefined : tokensOf(textPair);
      const room = Math.max(
        0,
        maxLength - (second === undefined ? specialTokens.single : specialTokens.pair),
      );
      const [keepFirst, keepSecond] = longestFirst(first.length, second?.length ?? 0, room);
      const processed = postProcessor.post_process(
        first.slice(0, keepFirst),
        second?.slice(0, keepSecond) ?? null,
      );
      return {
        ids: processed.tokens.map(idOf),
        typeIds: (hasTypes ? processed.token_type_ids : undefined) ?? processed.tokens.map(() => 0),
        truncated: keepFirst < first.length || keepSecond < (second?.length ?? 0),
      };
    },
  };
}

/**
 * What is read of `tokenizer.json` beside what the tokenizer itself reads: the token that stands for unknown ones, and
 * whether spaces are part of tokens.
 */
const filesSchema = z.looseObject({
  model: z
    .looseObject({
      unk_id: z.int().nullish().catch(undefined),
      unk_token: z.string().nullish().catch(undefined),
    })
    .catch({}),
  added_tokens: z
    .array(z.looseObject({ content: z.string(), special: z.boolean().default(false) }))
    .catch([]),
  post_processor: z.looseObject({ type: z.string() }).nullish().catch(undefined),
  pre_tokenizer: z
    .looseObject({
      type: z.string(),
      pretokenizers: z.array(z.looseObject({ type: z.string() })).optional(),
    })
    .nullish()
    .catch(undefined),
});

/** `mask_token` of the config, or one of the added tokens that is called so usually. */
function maskTokenOf(configJson: object, added: readonly { readonly content: string }[]): string | undefined {
  const { mask_token: named } = maskSchema.parse(configJson);
  if (named !== undefined) return typeof named === 'string' ? named : named.content;
  return added.find(({ content }) => content === '[MASK]' || content === '<mask>')?.content;
}

const maskSchema = z.looseObject({
  mask_token: z
    .union([z.string(), z.looseObject({ content: z.string() })])
    .optional()
    .catch(undefined),
});

/**
 * How many tokens of each text stay, as the `longest_first` of Hugging Face's tokenizers: the longer text is cut
 * down to the shorter, then both alike.
 */
export function longestFirst(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second);
  let [small, large] = [shorter, Math.max(shorter, room - shorter)];
  if (small + large > room) {
    small = Math.floor(room / 2);
    large = small + (room % 2);
  }
  return first > second ? [large, small] : [small, large];
}

function construct(tokenizerJson: object, configJson: object, source: string): Tokenizer {
  try {
    return new Tokenizer(tokenizerJson, configJson);
  } catch (cause) {
    throw new GspfError('input/tokenizer', {
      subject: source,
      expected: 'a tokenizer.json of the tokenizers library',
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
