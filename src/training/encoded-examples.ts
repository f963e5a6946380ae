import type { Batch } from '../data/batches.ts';
import { GspfError } from '../errors.ts';
import { LABELS, textInputs } from '../models/sequence-classification.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import type { TextExample } from '../tasks/task.ts';
import { int64, type Tensor } from '../tensor.ts';

/** Examples as the model reads them. */
export interface EncodedExamples {
  readonly texts: readonly EncodedText[];
  /** Class numbers. */
  readonly labels: Int32Array;
  /** Tokens of each text. */
  readonly lengths: Int32Array;
  /** How many texts were cut to the longest length. */
  readonly truncated: number;
}

/** Token ids of every example, cut to `maxLength` tokens. */
export function encodeExamples(
  examples: readonly TextExample[],
  tokenizer: TextTokenizer,
  maxLength: number,
): EncodedExamples {
  const texts = examples.map(({ text, textPair }) => tokenizer.encode(text, textPair, maxLength));
  return {
    texts,
    labels: Int32Array.from(examples, ({ label }) => label),
    lengths: Int32Array.from(texts, ({ ids }) => ids.length),
    truncated: texts.filter(({ truncated }) => truncated).length,
  };
}

/** The real tokens of a batch, padding left out. */
export function countTokens({ rows }: Batch, { lengths }: EncodedExamples): number {
  return rows.reduce((sum, row) => sum + (lengths[row] ?? 0), 0);
}

/** The graph inputs for some texts, padded to `length` at the end: int64 `[texts, length]`. */
export function textFeeds(
  texts: readonly EncodedText[],
  length: number,
  padTokenId: number,
): Map<string, Tensor> {
  const shape = [texts.length, length];
  const padded = (of: (text: EncodedText) => readonly number[], filler: number): Tensor =>
    int64(
      shape,
      texts.flatMap((text) => {
        const row = of(text);
        return [...row, ...new Array<number>(length - row.length).fill(filler)];
      }),
    );
  return new Map([
    [textInputs.inputIds, padded(({ ids }) => ids, padTokenId)],
    [textInputs.attentionMask, padded(({ ids }) => ids.map(() => 1), 0)],
    [textInputs.tokenTypeIds, padded(({ typeIds }) => typeIds, 0)],
  ]);
}

/** The graph inputs for a training batch: its texts and their classes. */
export function batchFeeds(
  { rows, length }: Batch,
  { texts, labels }: EncodedExamples,
  padTokenId: number,
): Map<string, Tensor> {
  const chosen = Array.from(rows, (row) => textAt(texts, row));
  const classes = Array.from(rows, (row) => labels[row] ?? 0);
  return textFeeds(chosen, length, padTokenId).set(LABELS, int64([rows.length, 1], classes));
}

/** The text of a row. @throws `input/data` for a row that is not there. */
export function textAt(texts: readonly EncodedText[], row: number): EncodedText {
  const text = texts[row];
  if (text !== undefined) return text;
  throw new GspfError('input/data', {
    subject: 'batch',
    expected: `a row below ${texts.length}`,
    got: `${row}`,
  });
}
