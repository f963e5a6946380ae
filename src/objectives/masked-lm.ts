import { GspfError } from '../errors.ts';
import {
  maskedInputs,
  maskedLmParameters,
  maskedScoresGraph,
  maskedTokensGraph,
  withMaskedLoss,
} from '../models/masked-lm.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { EncodedPiece, TextTokenizer } from '../models/tokenizer.ts';
import type { MaskedLmTask } from '../tasks/masked-lm.ts';
import { float32, int64, type Tensor } from '../tensor.ts';
import { mean } from './losses.ts';
import { type MaskedText, maskedCount, maskTokens } from './masking.ts';
import { featuresOf, type LogitsLayout, type Objective, totalOf } from './objective.ts';
import { textFeeds } from './text-feeds.ts';

/** Where the masks of the evaluation half come from, so that all runs are scored on the same. */
const EVALUATION = { seed: 0, epoch: 0 };

/** Of each token that is guessed: its log-probability, and how many tokens are more probable. */
const scoresLayout: LogitsLayout = { of: 'slot', width: 2, slots: maskedCount };

/**
 * The tokens of a text that are hidden, by transformers' …ForMaskedLM and BERT's masking: the mean cross-entropy.
 *
 * A text that is longer than the model takes is read in pieces. Which tokens are hidden follows from the seed, the
 * epoch and the text; on the evaluation half it is always the same.
 *
 * @throws `input/tokenizer` for a tokenizer without a mask.
 */
export function maskedLmObjective(
  task: MaskedLmTask,
  encoder: TextEncoder,
  tokenizer: TextTokenizer,
  maxLength: number,
  seed: number,
): Objective {
  const vocabulary = { maskId: requireMask(tokenizer).id, vocabSize: encoder.vocabSize };
  const piecesOf = (texts: MaskedLmTask['train']): EncodedPiece[] =>
    texts
      .flatMap(({ text }) => tokenizer.encodePieces(text, maxLength))
      .filter(({ ordinary }) => ordinary.length > 0);
  const train = piecesOf(task.train);
  const evaluation = piecesOf(task.evaluation).map((piece, row) =>
    maskTokens(piece, vocabulary, EVALUATION.seed, [EVALUATION.epoch, row]),
  );
  const masked = (row: number, epoch: number): MaskedText =>
    maskTokens(train[row] ?? noPiece, vocabulary, seed, [epoch, row]);
  return {
    parameters: maskedLmParameters(encoder),
    zeroGradient: encoder.zeroGradient,
    forward: maskedScoresGraph(encoder),
    layout: scoresLayout,
    withLoss: (sites) => withMaskedLoss(maskedTokensGraph(encoder, sites)),
    train: {
      ...featuresOf(train, encoder.padTokenId),
      texts: undefined,
      feeds: (rows, length, epoch = EVALUATION.epoch) => {
        const texts = Array.from(rows, (row) => masked(row, epoch).input);
        return textFeeds(texts, length, encoder.padTokenId);
      },
    },
    evaluation: featuresOf(
      evaluation.map(({ input }) => input),
      encoder.padTokenId,
    ),
    targets: (rows, length, epoch) =>
      slotInputs(
        Array.from(rows, (row) => masked(row, epoch)),
        length,
      ),
    lossWeight: (_, targets) => totalOf(targets.get(maskedInputs.weights)),
    evaluationInputs: (rows, length) => {
      const inputs = slotInputs(
        Array.from(rows, (row) => evaluation[row] ?? noText),
        length,
      );
      inputs.delete(maskedInputs.weights);
      return inputs;
    },
    score: (logits) => {
      const guesses = evaluation.flatMap(({ positions }, row) =>
        positions.map((_, slot) => {
          const [logProbability = Number.NaN, better = Number.NaN] = logits[row]?.subarray(2 * slot) ?? [];
          return { loss: -logProbability, isRight: better === 0 };
        }),
      );
      const loss = mean(guesses.map((guess) => guess.loss));
      const accuracy = guesses.filter(({ isRight }) => isRight).length / guesses.length;
      return { accuracy, perplexity: Math.exp(loss), loss };
    },
  };
}

/** The mask of a tokenizer. @throws `input/tokenizer` where it has none. */
export function requireMask({ mask }: TextTokenizer): NonNullable<TextTokenizer['mask']> {
  if (mask !== undefined) return mask;
  throw new GspfError('input/tokenizer', {
    subject: 'tokenizer',
    expected: 'a mask token, such as [MASK], in tokenizer_config.json',
    got: 'none',
  });
}

const noText: MaskedText = { input: { ids: [], typeIds: [], truncated: false }, positions: [], tokens: [] };
const noPiece: EncodedPiece = { ...noText.input, ordinary: [] };

/** The inputs {@link maskedInputs} for texts that are padded to so many tokens: each has as many slots. */
function slotInputs(texts: readonly MaskedText[], length: number): Map<string, Tensor> {
  const slots = maskedCount(length);
  const filled = (of: (text: MaskedText, row: number, slot: number) => number | undefined): number[] =>
    texts.flatMap((text, row) => Array.from({ length: slots }, (_, slot) => of(text, row, slot) ?? 0));
  const count = texts.length * slots;
  const rowOf = (position: number | undefined, row: number): number | undefined =>
    position === undefined ? undefined : row * length + position;
  return new Map<string, Tensor>()
    .set(
      maskedInputs.positions,
      int64(
        [count],
        filled(({ positions }, row, slot) => rowOf(positions[slot], row)),
      ),
    )
    .set(
      maskedInputs.tokens,
      int64(
        [count, 1],
        filled(({ tokens }, _, slot) => tokens[slot]),
      ),
    )
    .set(
      maskedInputs.weights,
      float32(
        [count, 1],
        filled(({ tokens }, _, slot) => (slot < tokens.length ? 1 : 0)),
      ),
    );
}
