import { GspfError } from '../errors.ts';
import { maskedInputs } from '../models/masked-lm.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import { int64, type Tensor } from '../tensor.ts';
import { softmax } from './losses.ts';

/** A token that may stand where the mask is. */
export interface MaskCandidate {
  /** Of a token that goes on a word, with the sign of that, as `##ing`. */
  readonly token: string;
  /** Its probability. */
  readonly score: number;
  /** The text with it in place of the mask; other masks stay. */
  readonly sequence: string;
}

/** What a model puts in place of each mask of a text, the most probable first. */
export interface FilledText {
  readonly masks: readonly (readonly MaskCandidate[])[];
}

/** A mask of a text, as the model reads it. */
export interface MaskPlace {
  /** Number of the text. */
  readonly text: number;
  readonly input: EncodedText;
  readonly position: number;
}

/**
 * The masks of some texts.
 *
 * @param mask The tokenizer's.
 * @throws `input/data` for a text without one among its first `maxLength` tokens.
 */
export function maskPlaces(
  texts: readonly string[],
  tokenizer: TextTokenizer,
  mask: NonNullable<TextTokenizer['mask']>,
  maxLength: number,
): MaskPlace[] {
  return texts.flatMap((text, number) => {
    const input = tokenizer.encode(text, undefined, maxLength);
    const positions = input.ids.flatMap((id, position) => (id === mask.id ? [position] : []));
    if (positions.length > 0) return positions.map((position) => ({ text: number, input, position }));
    throw new GspfError('input/data', {
      subject: `"${text}"`,
      expected: `"${mask.token}" where a token is to be guessed`,
      got: input.truncated ? `none in the first ${maxLength} tokens` : 'none',
    });
  });
}

/** The graph input {@link maskedInputs.positions} for some places, one in each text that is padded to `length`. */
export function placeInputs(
  places: readonly MaskPlace[],
  rows: Int32Array,
  length: number,
): Map<string, Tensor> {
  const positions = Array.from(rows, (row, text) => text * length + (places[row]?.position ?? 0));
  return new Map([[maskedInputs.positions, int64([rows.length], positions)]]);
}

/**
 * The most probable tokens of each mask, as transformers' pipeline `fill-mask` finds them.
 *
 * @param logits `[vocab]` of each place.
 * @param topK How many tokens of each mask.
 */
export function filledTexts(
  texts: readonly string[],
  places: readonly MaskPlace[],
  logits: readonly Float32Array[],
  tokenizer: TextTokenizer,
  { topK, mask }: { readonly topK: number; readonly mask: string },
): FilledText[] {
  return texts.map((text, number) => {
    const own = places.flatMap((place, i) =>
      place.text === number ? [logits[i] ?? new Float32Array(0)] : [],
    );
    const parts = text.split(mask);
    const masks = own.map((values, i) => {
      const [before, after] = [parts.slice(0, i + 1).join(mask), parts.slice(i + 1).join(mask)];
      const scores = softmax(values);
      return highest(values, topK).map((id): MaskCandidate => {
        const token = tokenizer.textOf(id);
        return { token, score: scores[id] ?? 0, sequence: joined(before, token) + after };
      });
    });
    return { masks };
  });
}

/** Token numbers of the highest values, highest first; of equals the first. */
function highest(values: Float32Array, count: number): number[] {
  const at = (id: number): number => values[id] ?? Number.NEGATIVE_INFINITY;
  return Array.from(values.keys())
    .sort((a, b) => at(b) - at(a) || a - b)
    .slice(0, count);
}

function joined(before: string, token: string): string {
  if (token.startsWith('##')) return before.trimEnd() + token.slice(2);
  return /\s$/.test(before) ? before + token.trimStart() : before + token;
}
