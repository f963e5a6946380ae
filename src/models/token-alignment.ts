import { GspfError } from '../errors.ts';
import type { LibraryModel, LibraryPreTokenizer, LibraryTokenizer } from './tokenizers-library.ts';

/** A token and its part of the normalised text, without the spaces around it; empty for spaces alone. */
export interface AlignedToken {
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

/** What stands for a space in Unigram's tokens. */
const METASPACE = '\u2581';

/**
 * The tokens of a normalised text and where they are in it.
 *
 * The pre-tokenizer's words follow one another in the text, apart from white space, and the tokens of a word make it
 * up; so both are walked along the text.
 *
 * @param section Number of the section between added tokens; some tokenizers mark the first only.
 * @throws `input/tokenizer` where they cannot be followed.
 */
export type TokenAligner = (normalized: string, section: number) => AlignedToken[];

/**
 * The aligner for a tokenizer: of WordPiece, byte-level BPE or Unigram.
 *
 * @throws `input/tokenizer` for any other.
 */
export function tokenAligner(tokenizer: LibraryTokenizer, source: string): TokenAligner {
  const { model, pre_tokenizer: preTokenizer } = tokenizer;
  const isByteLevel = hasByteLevel(preTokenizer);
  const kind = kindOf(model);
  if (kind === undefined || (kind === 'BPE' && !isByteLevel)) {
    throw new GspfError('input/tokenizer', {
      subject: source,
      expected: 'WordPiece, byte-level BPE or Unigram, of which the places of tokens in a text can be told',
      got: kind === undefined ? 'another kind of model' : 'BPE of characters',
    });
  }
  const space = isByteLevel ? ' ' : METASPACE;
  const prefix = kind === 'WordPiece' ? (model.config.continuing_subword_prefix ?? '##') : '';
  return (normalized, section) => {
    const words = preTokenizer?.pre_tokenize(normalized, { section_index: section }) ?? [normalized];
    let cursor = 0;
    return words.flatMap((word) => {
      const chars = isByteLevel ? byteLevelChars(word) : charsOf(word);
      const places = placesOf(chars, normalized, cursor, { space, source });
      cursor = places.at(-1)?.end ?? cursor;
      const tokens = model._call([word]);
      // A word that WordPiece cannot make up is one unknown token.
      const [only] = tokens;
      if (tokens.length === 1 && only !== undefined && only === model.unk_token) {
        return [tokenAt(only, places, normalized)];
      }
      let at = 0;
      return tokens.map((token, index) => {
        const part = index > 0 && token.startsWith(prefix) ? token.slice(prefix.length) : token;
        if (!word.startsWith(part, at)) throw lost(source, `the token "${token}" in "${word}"`);
        const aligned = tokenAt(token, places.slice(at, at + part.length), normalized);
        at += part.length;
        return aligned;
      });
    });
  };
}

/** The kind of a model, told as the library does where the file does not name it. */
function kindOf({ config }: LibraryModel): 'WordPiece' | 'BPE' | 'Unigram' | undefined {
  const { type, vocab, merges, continuing_subword_prefix } = config;
  if (type === 'WordPiece' || type === 'BPE' || type === 'Unigram') return type;
  if (Array.isArray(vocab)) return 'Unigram';
  if (merges !== undefined) return 'BPE';
  return continuing_subword_prefix === undefined ? undefined : 'WordPiece';
}

function hasByteLevel(preTokenizer: LibraryPreTokenizer | null): boolean {
  if (preTokenizer === null) return false;
  const { config, tokenizers = [] } = preTokenizer;
  return config?.type === 'ByteLevel' || tokenizers.some(hasByteLevel);
}

/** A character of a word, and how much of the word's string it is. */
interface WordChar {
  readonly text: string;
  readonly size: number;
}

function charsOf(word: string): WordChar[] {
  return Array.from(word, (text) => ({ text, size: text.length }));
}

/** A part of the normalised text. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** The place in the text of each code unit of a word. */
function placesOf(
  chars: readonly WordChar[],
  text: string,
  from: number,
  { space, source }: { readonly space: string; readonly source: string },
): Place[] {
  let cursor = from;
  return chars.flatMap(({ text: char, size }) => {
    let length = char.length;
    if (!text.startsWith(char, cursor)) {
      if (char === space) {
        // A space, or a mark that the tokenizer puts before a word.
        length = text[cursor] === ' ' ? 1 : 0;
      } else {
        while (/\s/.test(text.charAt(cursor)) && !text.startsWith(char, cursor)) cursor++;
        if (!text.startsWith(char, cursor)) throw lost(source, `"${char}" after "${text.slice(0, cursor)}"`);
      }
    }
    const place = { start: cursor, end: cursor + length };
    cursor += length;
    return new Array<Place>(size).fill(place);
  });
}

/** A token that is made up of these places. */
function tokenAt(token: string, places: readonly Place[], text: string): AlignedToken {
  const visible = places.filter(({ start, end }) => end > start && text.slice(start, end) !== ' ');
  const end = (visible.at(-1) ?? places.at(-1))?.end ?? 0;
  return { token, start: visible[0]?.start ?? end, end };
}

/** What byte-level tokens write for each byte: itself if it is a visible letter of Latin-1, else a letter from Ā on. */
const byteLetters: ReadonlyMap<string, number> = (() => {
  const isVisible = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const letters = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++)
    letters.set(String.fromCharCode(isVisible(byte) ? byte : next++), byte);
  return letters;
})();

/** The characters of a word of a byte-level tokenizer, in which each letter is a byte. Source: GPT-2's encoder.py */
function byteLevelChars(word: string): WordChar[] {
  const bytes = Uint8Array.from(word, (letter) => byteLetters.get(letter) ?? 0);
  return Array.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), (text) => {
    const point = text.codePointAt(0) ?? 0;
    return { text, size: point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4 };
  });
}

function lost(source: string, where: string): GspfError {
  return new GspfError('input/tokenizer', {
    subject: source,
    expected: 'tokens that make up the normalised text',
    got: `no place for ${where}`,
  });
}
