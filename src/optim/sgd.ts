import type { Indices, WeightArray } from '../methods/selection.ts';
import { count } from '../methods/selection.ts';

/** What one step does with one tensor. */
export interface SgdStep {
  readonly lr: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Coupled weight decay: added to the gradient. */
  readonly decay: number;
  /** Multiplies every gradient: the clip factor. */
  readonly scale: number;
}

/**
 * One SGD step on the active weights of a tensor; `weights` and `velocity` change in place.
 *
 * As torch.optim.SGD: d = g + λθ, b ← μb + d, θ ← θ − lr·(d + μb) under Nesterov, θ − lr·b otherwise.
 *
 * @param weights The whole tensor; only the weights at `indices` are written.
 * @param gradients `gradients[j]` belongs to the j-th active weight, before scaling.
 * @param velocity b by active weight, zero before the first step; null without momentum.
 */
export function sgdStep(
  weights: WeightArray,
  indices: Indices,
  gradients: WeightArray,
  velocity: WeightArray | null,
  { lr, momentum, nesterov, decay, scale }: SgdStep,
): void {
  const sparse = indices === 'all' ? null : indices;
  const length = count(indices, weights.length);
  for (let j = 0; j < length; j++) {
    const i = sparse === null ? j : (sparse[j] ?? 0);
    const weight = weights[i] ?? 0;
    let direction = (gradients[j] ?? 0) * scale + decay * weight;
    if (velocity !== null) {
      const moving = momentum * (velocity[j] ?? 0) + direction;
      velocity[j] = moving;
      direction = nesterov ? direction + momentum * moving : moving;
    }
    weights[i] = weight - lr * direction;
  }
}
