import { Tokenizer } from '@huggingface/tokenizers';
import { GspfError } from '../errors.ts';

/**
 * What of a tokenizer of `@huggingface/tokenizers` is used here. The package's own declarations leave out extensions
 * in imports, so that TypeScript cannot follow them.
 */
export interface LibraryTokenizer {
  readonly normalizer: { normalize(text: string): string } | null;
  readonly pre_tokenizer: LibraryPreTokenizer | null;
  readonly model: LibraryModel;
  readonly post_processor: {
    readonly config?: { readonly type?: string };
    post_process(
      tokens: readonly string[],
      pair?: readonly string[] | null,
    ): { readonly tokens: readonly string[]; readonly token_type_ids?: readonly number[] };
  } | null;
  tokenize(text: string, options: { readonly add_special_tokens: boolean }): string[];
  token_to_id(token: string): number | undefined;
  get_added_tokens_decoder(): ReadonlyMap<number, AddedToken>;
}

/** Cuts normalised texts into words. */
export interface LibraryPreTokenizer {
  readonly config?: { readonly type?: string };
  /** The parts of a sequence. */
  readonly tokenizers?: readonly (LibraryPreTokenizer | null)[];
  pre_tokenize(text: string, options: { readonly section_index: number }): string[];
}

/** Cuts words into tokens. */
export interface LibraryModel {
  /** As in `tokenizer.json`; older files leave the type out. */
  readonly config: {
    readonly type?: string;
    readonly vocab?: unknown;
    readonly merges?: unknown;
    readonly continuing_subword_prefix?: string;
  };
  readonly unk_token?: string;
  readonly unk_token_id?: number;
  _call(words: readonly string[]): string[];
}

/** A token that is found in texts before they are cut into words. */
export interface AddedToken {
  readonly content: string;
  readonly id: number;
  /** Whether it takes in the white space before or after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text. */
  readonly normalized: boolean;
}

/**
 * The library's object for the contents of `tokenizer.json` and `tokenizer_config.json`.
 *
 * @throws `input/tokenizer` for files that it cannot read.
 */
export function readTokenizer(tokenizerJson: object, configJson: object, source: string): LibraryTokenizer {
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
