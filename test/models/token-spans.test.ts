import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { commonSubsequence } from '../../src/models/common-subsequence.ts';
import { traceable } from '../../src/models/normalized-text.ts';
import { spanTokenizer, type TokenSpans } from '../../src/models/token-spans.ts';
import { textTokenizer } from '../../src/models/tokenizer.ts';
import { readTokenizer } from '../../src/models/tokenizers-library.ts';
import { failure } from '../data/failure.ts';
import { sharedText } from '../data/shared-files.ts';

const textsSchema = z.array(
  z.object({ text: z.string(), offsets: z.array(z.tuple([z.number(), z.number()])) }),
);
const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/token-offsets/${name}.json`, import.meta.url), 'utf8'));
const trained = (name: string) =>
  z.object({ tokenizer: z.looseObject({}), texts: textsSchema }).parse(fixture(name));

const bertJson = sharedText('models/tokenizer-bert-base-uncased/tokenizer.json');
const cases = [
  { name: 'byte-level-bpe', ...trained('byte-level-bpe') },
  { name: 'unigram', ...trained('unigram') },
  ...(bertJson === undefined
    ? []
    : [
        {
          name: 'bert-base-uncased',
          tokenizer: z.looseObject({}).parse(JSON.parse(bertJson)),
          texts: textsSchema.parse(fixture('bert-base-uncased')),
        },
      ]),
].map((each) => ({ ...each, spans: spanTokenizer(each.tokenizer, {}, each.name) }));

type Pair = readonly [number, number];
const pairsOf = ({ starts, ends }: TokenSpans): Pair[] =>
  Array.from(starts, (start, index) => [start, ends[index]!]);

/** Without the spaces around it: of Metaspace's tokens the library counts the space in. */
function withoutSpaces(text: string, [start, end]: Pair): Pair {
  const part = text.slice(start, end);
  const to = start + part.replace(/\p{Zs}+$/u, '').length;
  return [Math.min(to, end - part.replace(/^\p{Zs}+/u, '').length), to];
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** To the edges of its first and last user-perceived character. */
function toGraphemes(text: string, [start, end]: Pair): Pair {
  if (start === end) return [start, end];
  const segments = segmenter.segment(text);
  const last = segments.containing(end - 1)!;
  return [segments.containing(start)!.index, last.index + last.segment.length];
}

/**
 * Texts that the JavaScript library cuts into other tokens than Python's: it gives a sigma at the end of a word its
 * final form, and takes U+FEFF for white space.
 */
const cutOtherwise = { 'bert-base-uncased': /Σ/, 'byte-level-bpe': /\ufeff/, unigram: /(?!)/ };

describe.each(cases)('$name', ({ name, spans, texts, tokenizer }) => {
  const sameTokens = texts.filter(({ text }) => !cutOtherwise[name as keyof typeof cutOtherwise].test(text));

  it('gives the places that Python gives', () => {
    for (const { text, offsets } of sameTokens) {
      const pairs = pairsOf(spans.spans(text));
      if (name !== 'unigram') {
        expect(pairs, JSON.stringify(text)).toEqual(offsets);
        continue;
      }
      expect(pairs).toHaveLength(offsets.length);
      for (const [index, pair] of pairs.entries()) {
        // Of a mark for a space Python gives the space, or the first letter of the text.
        if (pair[0] === pair[1]) continue;
        // Of composed characters Python gives the first.
        expect(toGraphemes(text, pair), `${JSON.stringify(text)}, token ${index}`).toEqual(
          toGraphemes(text, withoutSpaces(text, offsets[index]!)),
        );
      }
    }
  });

  it('gives the tokens of the tokenizer without places, special ones and types too', () => {
    const { pairFrame: frame } = spans;
    const plain = textTokenizer(tokenizer, {}, name);
    for (const [index, { text }] of texts.entries()) {
      const pair = texts[(index + 3) % texts.length]!.text;
      const [first, second] = [spans.spans(text).ids, spans.spans(pair).ids];
      const special = [frame.before, frame.between, frame.after].map((part) => part.map(({ id }) => id));
      const types = [frame.before, frame.between, frame.after].map((part) =>
        part.map(({ typeId }) => typeId),
      );
      expect(plain.encode(text, pair, 10_000)).toMatchObject({
        ids: [special[0], first, special[1], second, special[2]].flat(),
        typeIds: [
          types[0],
          first.map(() => frame.firstTypeId),
          types[1],
          second.map(() => frame.secondTypeId),
          types[2],
        ].flat(),
      });
    }
  });

  const words = [
    'the',
    'Lighthouse',
    "keeper's",
    'naïve',
    'Ærø',
    'e\u0301te\u0301',
    'ŁÓDŹ',
    'ﬁsh',
    'x\u00adyz',
  ];
  const awkward = [
    '東京',
    '각하',
    '\u1100\u1161',
    '😀',
    '👩‍👩‍👧',
    'ｶﾞ',
    '½',
    'İ',
    '\u200b',
    '\ufffd',
    '…',
    '—"',
    '\u0000',
  ];
  const gaps = [' ', '  ', '\t', '\n', '\u00a0', '\u3000', ''];
  const awkwardTexts = fc
    .array(fc.tuple(fc.constantFrom(...words, ...awkward), fc.constantFrom(...gaps)), { maxLength: 12 })
    .map((parts) => parts.flat().join(''));

  it('covers the text in order, and each place reads as its token', () => {
    const library = readTokenizer(tokenizer, {}, name);
    const normalize = (text: string): string => library.normalizer?.normalize(text) ?? text;
    const bytes = (text: string): string =>
      name === 'byte-level-bpe'
        ? library.pre_tokenizer!.pre_tokenize(text, { section_index: 0 }).join('')
        : text;
    fc.assert(
      fc.property(awkwardTexts, (text) => {
        const tokens = library.tokenize(text, { add_special_tokens: false });
        const pairs = pairsOf(spans.spans(text));
        expect(pairs).toHaveLength(tokens.length);
        let covered = 0;
        for (const [index, [start, end]] of pairs.entries()) {
          const part = text.slice(start, end);
          // Between two tokens is only what normalisation leaves out.
          if (start > covered) expect(normalize(text.slice(covered, start)).trim()).toBe('');
          expect(end).toBeGreaterThanOrEqual(covered);
          covered = end;
          const token = tokens[index]!.replace(/^(##|\u2581)/, '').replace(/^Ġ+|Ġ+$/g, '');
          if (token === '[UNK]' || token.trim() === '') continue;
          // Several tokens may be of one character: bytes, or what a ligature stands for.
          const isShared = start < (pairs[index - 1]?.[1] ?? 0) || end > (pairs[index + 1]?.[0] ?? Infinity);
          const read = bytes(normalize(part));
          if (isShared) expect(read).toContain(token);
          else expect([read, read.trim()]).toContain(token);
        }
        expect(normalize(text.slice(covered)).trim()).toBe('');
      }),
      { numRuns: 150 },
    );
  });
});

it('a common subsequence is as long as the textbook table says', () => {
  const longest = (a: string, b: string): number => {
    const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
    for (let i = 1; i <= a.length; i++) {
      for (let j = 1; j <= b.length; j++) {
        table[i]![j] =
          a[i - 1] === b[j - 1] ? table[i - 1]![j - 1]! + 1 : Math.max(table[i - 1]![j]!, table[i]![j - 1]!);
      }
    }
    return table[a.length]![b.length]!;
  };
  const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 14 });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const { inFirst, inSecond } = commonSubsequence(a, b);
      expect(Array.from(inFirst, (i) => a[i])).toEqual(Array.from(inSecond, (j) => b[j]));
      for (const places of [inFirst, inSecond])
        expect([...new Set(places)].sort((x, y) => x - y)).toEqual([...places]);
      expect(inFirst).toHaveLength(longest(a, b));
    }),
  );
});

describe('a traceable normaliser', () => {
  const origins = (normalize: (text: string) => string, text: string): string[] => {
    const result = traceable(normalize)(text);
    expect(result.text).toBe(normalize(text));
    return Array.from(result.text, (char, at) => `${char}<${text.slice(result.starts[at], result.ends[at])}`);
  };

  it('follows case, accents, composition, and cuts at the ends', () => {
    expect(origins((text) => text.normalize('NFD').replace(/\p{Mn}/gu, ''), 'aé')).toEqual(['a<a', 'e<é']);
    expect(origins((text) => text.normalize('NFC'), 'e\u0301a')).toEqual(['é<e\u0301', 'a<a']);
    expect(origins((text) => text.trim().toLowerCase(), '  ΒΑΣ Β ')).toEqual([
      'β<Β',
      'α<Α',
      'ς<Σ',
      ' < ',
      'β<Β',
    ]);
    expect(origins((text) => text.replaceAll('``', '"'), 'a ``b')).toEqual(['a<a', ' < ', '"<``', 'b<b']);
  });
});

it('says which tokenizers it cannot follow', () => {
  const { tokenizer } = trained('byte-level-bpe');
  expect(
    failure(() => spanTokenizer({ ...tokenizer, pre_tokenizer: { type: 'Whitespace' } }, {}, 't.json')),
  ).toBe(
    'input/tokenizer: t.json: expected WordPiece, byte-level BPE or Unigram, of which the places of tokens in a text ' +
      'can be told, got BPE of characters',
  );
  expect(failure(() => spanTokenizer({ ...tokenizer, post_processor: null }, {}, 't.json'))).toContain(
    'expected a post_processor that puts a pair of texts together, the first before the second, got none',
  );
});
