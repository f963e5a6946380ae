import { z } from 'zod';
import { GspfError } from '../errors.ts';
import { traceable } from './normalized-text.ts';
import { tokenAligner } from './token-alignment.ts';
import { type AddedToken, type LibraryTokenizer, readTokenizer } from './tokenizers-library.ts';

/** The tokens of a text without special ones. */
export interface TokenSpans {
  readonly ids: readonly number[];
  /**
   * Token i is `text.slice(starts[i], ends[i])`, in UTF-16 code units: without the spaces around it, and whole
   * characters where the token has some bytes of one only.
   */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** The tokens that come before, between and after two texts; each text's own tokens have one type. */
export interface PairFrame {
  readonly before: readonly SpecialToken[];
  readonly firstTypeId: number;
  readonly between: readonly SpecialToken[];
  readonly secondTypeId: number;
  readonly after: readonly SpecialToken[];
}

/** A token that a tokenizer adds to texts. */
export interface SpecialToken {
  readonly id: number;
  readonly typeId: number;
}

/** Turns texts into tokens that know where they come from. */
export interface SpanTokenizer {
  /** @throws `input/tokenizer` for a text of which the tokens cannot be followed. */
  spans(text: string): TokenSpans;
  readonly pairFrame: PairFrame;
}

/**
 * A tokenizer that knows the places of tokens, from the contents of `tokenizer.json` and `tokenizer_config.json`.
 *
 * Its tokens are those of `textTokenizer`.
 *
 * @throws `input/tokenizer` for files that no such tokenizer can be made of: WordPiece, byte-level BPE and Unigram do.
 */
export function spanTokenizer(tokenizerJson: object, configJson: object, source: string): SpanTokenizer {
  const tokenizer = readTokenizer(tokenizerJson, configJson, source);
  const align = tokenAligner(tokenizer, source);
  // Unigram gives out the text itself where it knows no token.
  const idOf = (token: string): number => idIn(tokenizer, token, source, tokenizer.model.unk_token_id);
  const normalize = traceable(normalizer(tokenizer, configJson));
  const added = [...tokenizer.get_added_tokens_decoder().values()];
  const isNormalized = (token: AddedToken): boolean => token.normalized && tokenizer.normalizer !== null;
  const whole = sectioner(
    added.filter((token) => !isNormalized(token)).map((token) => [token.content, token]),
  );
  const normalized = sectioner(
    added.filter(isNormalized).map((token) => [normalize(token.content).text, token]),
  );

  const spans = (given: string): TokenSpans => {
    // Half a surrogate pair is no character; tokenizers that write bytes take it for this one.
    const text = given.replaceAll(/\p{Surrogate}/gu, '\ufffd');
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    const push = (id: number, start: number, end: number): void => {
      ids.push(id);
      starts.push(start);
      ends.push(end);
    };
    for (const [index, section] of whole(text).entries()) {
      if (section.added !== undefined) {
        push(section.added.id, section.start, section.end);
        continue;
      }
      const part = normalize(text.slice(section.start, section.end));
      const startOf = (at: number): number =>
        section.start + (part.starts[at] ?? section.end - section.start);
      const endOf = (at: number): number => section.start + (at === 0 ? 0 : (part.ends[at - 1] ?? 0));
      for (const inner of normalized(part.text)) {
        if (inner.added !== undefined) {
          push(inner.added.id, startOf(inner.start), endOf(inner.end));
          continue;
        }
        if (inner.start === inner.end) continue;
        for (const { token, start, end } of align(part.text.slice(inner.start, inner.end), index)) {
          const last = endOf(inner.start + end);
          push(idOf(token), start === end ? last : startOf(inner.start + start), last);
        }
      }
    }
    return { ids, starts: Int32Array.from(starts), ends: Int32Array.from(ends) };
  };
  return { spans, pairFrame: pairFrame(tokenizer, source) };
}

const configSchema = z.object({
  remove_space: z.boolean().nullish(),
  do_lowercase_and_remove_accent: z.boolean().nullish(),
});

/** All that the library does to a text before it looks for words. */
function normalizer(tokenizer: LibraryTokenizer, configJson: object): (text: string) => string {
  const { remove_space, do_lowercase_and_remove_accent } = configSchema.catch({}).parse(configJson);
  return (text) => {
    let result = text;
    if (remove_space) result = result.trim().split(/\s+/).join(' ');
    if (do_lowercase_and_remove_accent) result = result.toLowerCase().replaceAll(/\p{M}/gu, '');
    return tokenizer.normalizer?.normalize(result) ?? result;
  };
}

/** A part of a text: an added token, or what is between two. */
interface Section {
  readonly start: number;
  readonly end: number;
  readonly added?: AddedToken;
}

/** Cuts a text at added tokens, of several that begin at one place at the longest. */
function sectioner(added: readonly (readonly [string, AddedToken])[]): (text: string) => Section[] {
  const tokens = new Map(added.filter(([content]) => content !== ''));
  if (tokens.size === 0) return (text) => (text === '' ? [] : [{ start: 0, end: text.length }]);
  const contents = [...tokens.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(
    contents.map((content) => content.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'),
    'g',
  );
  return (text) => {
    const sections: Section[] = [];
    let at = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > at) sections.push({ start: at, end: match.index });
      at = match.index + match[0].length;
      const token = tokens.get(match[0]);
      if (token !== undefined) sections.push({ start: match.index, end: at, added: token });
    }
    if (at < text.length) sections.push({ start: at, end: text.length });
    return sections.map((section, index) =>
      section.added === undefined
        ? trimmed(section, text, sections[index - 1]?.added?.rstrip, sections[index + 1]?.added?.lstrip)
        : section,
    );
  };
}

/** A section without the white space that the added tokens beside it take in. */
function trimmed({ start, end }: Section, text: string, left = false, right = false): Section {
  const part = text.slice(start, end);
  const from = left ? part.length - part.trimStart().length : 0;
  const to = right ? part.trimEnd().length : part.length;
  return { start: start + from, end: start + Math.max(from, to) };
}

function idIn(tokenizer: LibraryTokenizer, token: string, source: string, unknown?: number): number {
  const id = tokenizer.token_to_id(token) ?? unknown;
  if (id !== undefined) return id;
  throw new GspfError('input/tokenizer', {
    subject: source,
    expected: `an id for "${token}"`,
    got: 'none',
  });
}

function pairFrame(tokenizer: LibraryTokenizer, source: string): PairFrame {
  const [first, second] = ['\u0000first', '\u0000second'];
  const { post_processor: postProcessor } = tokenizer;
  const processed = postProcessor?.post_process([first], [second]);
  const tokens = processed?.tokens ?? [];
  const a = tokens.indexOf(first);
  const b = tokens.indexOf(second);
  if (a === -1 || b < a) {
    throw new GspfError('input/tokenizer', {
      subject: source,
      expected: 'a post_processor that puts a pair of texts together, the first before the second',
      got: processed === undefined ? 'none' : `"${tokens.join(' ')}"`,
    });
  }
  // RoBERTa's gives every token the type 0, which the library does not do.
  const hasTypes = postProcessor?.config?.type !== 'RobertaProcessing';
  const typeAt = (index: number): number => (hasTypes ? (processed?.token_type_ids?.[index] ?? 0) : 0);
  const special = (from: number, to: number): SpecialToken[] =>
    tokens
      .slice(from, to)
      .map((token, index) => ({ id: idIn(tokenizer, token, source), typeId: typeAt(from + index) }));
  return {
    before: special(0, a),
    firstTypeId: typeAt(a),
    between: special(a + 1, b),
    secondTypeId: typeAt(b),
    after: special(b + 1, tokens.length),
  };
}
