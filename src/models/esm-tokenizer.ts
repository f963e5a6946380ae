/** Tokens that stand for no residue, and where transformers' EsmTokenizer puts them. */
const special = { start: '<cls>', padding: '<pad>', end: '<eos>', unknown: '<unk>', mask: '<mask>' } as const;

/**
 * The `tokenizer.json` that ESM's models lack: what transformers' EsmTokenizer makes of their `vocab.txt`. Every token
 * of the vocabulary stands for itself wherever it occurs; what lies between two of them is one unknown token.
 *
 * @param vocabulary One token a line, in order of their ids.
 */
export function esmTokenizerJson(vocabulary: string): object {
  const tokens = vocabulary
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const longestFirst = tokens.toSorted((a, b) => b.length - a.length);
  const anyToken = longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
  const once = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const text = (id: 'A' | 'B') => ({ Sequence: { id, type_id: 0 } });
  const single = [once(special.start), text('A'), once(special.end)];
  return {
    version: '1.0',
    added_tokens: Object.values(special).flatMap((content) => {
      const id = idOf.get(content);
      const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
      return id === undefined ? [] : [{ id, content, ...plain }];
    }),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'WhitespaceSplit' },
        { type: 'Split', pattern: { Regex: anyToken }, behavior: 'Isolated', invert: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, text('B'), once(special.end)],
      special_tokens: Object.fromEntries(
        [special.start, special.end].map((token) => [
          token,
          { id: token, ids: [idOf.get(token) ?? 0], tokens: [token] },
        ]),
      ),
    },
    decoder: null,
    model: { type: 'WordLevel', vocab: Object.fromEntries(idOf), unk_token: special.unknown },
  };
}
