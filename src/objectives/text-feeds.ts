import { GspfError } from '../errors.ts';
import { textInputs } from '../models/text-encoder.ts';
import type { EncodedText } from '../models/tokenizer.ts';
import { int64, type Tensor } from '../tensor.ts';

/** The graph inputs of text models for some texts, padded to `length` at the end: int64 `[texts, length]`. */
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
