import { grammarWords } from './grammar.ts';

/** Pieces that come before all others: id 0 is the padding. */
export const specialTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;
const PUNCTUATION = [...'.,;:!?\'"-()/&%'];
const CHARACTERS = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
/** Endings that a word may have beside its stem. */
const SUFFIXES = ['s', 'es', 'ed', 'd', 'ing', 'er', 'ly'];

/**
 * WordPiece over the grammar's own words: each is one piece, unless it is another word with an ending. Characters
 * are pieces too, so that words from elsewhere can be spelt.
 */
export function vocabulary(): readonly string[] {
  const words = grammarWords();
  const isDerived = (word: string): boolean =>
    SUFFIXES.some((suffix) => word.endsWith(suffix) && words.has(word.slice(0, -suffix.length)));
  const stems = [...words].filter((word) => word.length > 1 && !isDerived(word)).sort();
  return [
    ...specialTokens,
    ...PUNCTUATION,
    ...CHARACTERS,
    ...[...CHARACTERS, ...SUFFIXES.filter(({ length }) => length > 1)].map((piece) => `##${piece}`),
    ...stems,
  ];
}

/** The content of `tokenizer.json` for the vocabulary, as BertTokenizerFast writes it. */
export function tokenizerJson(): object {
  const pieces = vocabulary();
  const id = (token: string): number => pieces.indexOf(token);
  const special = (token: string, typeId: number): object => ({
    SpecialToken: { id: token, type_id: typeId },
  });
  const text = (name: 'A' | 'B', typeId: number): object => ({ Sequence: { id: name, type_id: typeId } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0)],
      pair: [special('[CLS]', 0), text('A', 0), special('[SEP]', 0), text('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [id(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, index) => [piece, index])),
    },
  };
}

/** The content of `tokenizer_config.json`. */
export function tokenizerConfigJson(maxPositions: number): object {
  return {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: maxPositions,
    unk_token: '[UNK]',
    sep_token: '[SEP]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    mask_token: '[MASK]',
  };
}
