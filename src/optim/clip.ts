import type { WeightArray } from '../methods/selection.ts';

/** Added to the norm, as in torch.nn.utils.clip_grad_norm_. */
const EPSILON = 1e-6;

/** The Euclidean norm of all gradients together, summed in float64. */
export function globalNorm(gradients: Iterable<WeightArray>): number {
  let squares = 0;
  for (const gradient of gradients) squares += sumOfSquares(gradient);
  return Math.sqrt(squares);
}

/** The factor that brings gradients of this norm down to `max`, never above 1; `null` does not clip. */
export function clipFactor(norm: number, max: number | null): number {
  return max === null ? 1 : Math.min(1, max / (norm + EPSILON));
}

function sumOfSquares(values: WeightArray): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    sum += value * value;
  }
  return sum;
}
