import { GspfError } from '../../errors.ts';
import type { Sizes, WeightArray } from '../selection.ts';
import type { Scorer } from './scores.ts';

/** Scores kept from one selection to the next, by tensor; the caller owns them. */
export type KeptScores = ReadonlyMap<string, WeightArray>;

const CHUNK = 1 << 16;

/** A copy of all scores; in float32 they are rounded, and {@link readScores} ranks what was kept. */
export function keepScores(
  sizes: Sizes,
  scorer: Scorer,
  precision: 'float32' | 'float64' = 'float32',
): KeptScores {
  const array = precision === 'float32' ? Float32Array : Float64Array;
  const kept = new Map<string, WeightArray>();
  for (const [tensor, size] of sizes) kept.set(tensor, new array(size));
  mixScores(kept, scorer, 0);
  return kept;
}

/** S̃ ← α·S̃_kept + (1 − α)·S̃_fresh, in place: the exponential moving average of a refinement. */
export function mixScores(kept: KeptScores, fresh: Scorer, alpha: number): void {
  for (const [tensor, scores] of kept) {
    for (let start = 0; start < scores.length; start += CHUNK) {
      const piece = new Float64Array(Math.min(CHUNK, scores.length - start));
      fresh(tensor, start, piece);
      for (let i = 0; i < piece.length; i++) {
        scores[start + i] = alpha * (scores[start + i] ?? 0) + (1 - alpha) * (piece[i] ?? 0);
      }
    }
  }
}

/**
 * Scores read from memory; `kept` is not copied.
 *
 * @throws `usage/option` (on use) for a tensor that is not among them.
 */
export function readScores(kept: KeptScores): Scorer {
  return (tensor, start, out) => {
    const scores = kept.get(tensor);
    if (scores === undefined) {
      throw new GspfError('usage/option', { subject: `"${tensor}"`, expected: 'kept scores', got: 'none' });
    }
    out.set(scores.subarray(start, start + out.length));
  };
}
