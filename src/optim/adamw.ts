import type { Indices, WeightArray } from '../methods/selection.ts';
import { count } from '../methods/selection.ts';
import type { AdamWOptions } from '../options/options.ts';
import type { Shape } from '../tensor.ts';

/** Moments of the active weights of one tensor: entry j belongs to the j-th active weight. */
export interface AdamWState {
  readonly m: WeightArray;
  readonly v: WeightArray;
  /** Steps taken by each cohort: weights that became active together. Counted up by {@link adamwStep}. */
  readonly steps: number[];
  /** The cohort of each weight; null where all are of cohort 0. */
  readonly cohort: Uint16Array | null;
}

/** What one step does with one tensor. */
export interface AdamWStep extends Pick<AdamWOptions, 'beta1' | 'beta2' | 'epsilon'> {
  readonly lr: number;
  /** Decoupled weight decay of this tensor: see {@link decays}. */
  readonly decay: number;
  /** Multiplies every gradient: the clip factor. */
  readonly scale: number;
}

/** Whether weight decay applies: to matrices and the like, not to biases and normalisation gains. */
export function decays(shape: Shape): boolean {
  return shape.length >= 2;
}

/** Zero moments and step counts for `length` active weights. */
export function createAdamWState(length: number, precision: 'float32' | 'float64' = 'float32'): AdamWState {
  const array = precision === 'float32' ? Float32Array : Float64Array;
  return { m: new array(length), v: new array(length), steps: [0], cohort: null };
}

/** Weights whose moves are worked out before any of them is made: scattered weights are then read many at a time. */
const BLOCK = 256;

/**
 * One AdamW step on the active weights of a tensor; `weights` and `state` change in place.
 *
 * As torch.optim.AdamW, with a step count t of each weight's own:
 * θ ← θ(1 − lr·λ), m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g²,
 * θ ← θ − lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε).
 *
 * @param weights The whole tensor; only the weights at `indices` are written.
 * @param gradients `gradients[j]` belongs to the j-th active weight, before scaling.
 */
export function adamwStep(
  weights: WeightArray,
  indices: Indices,
  gradients: WeightArray,
  state: AdamWState,
  { lr, beta1, beta2, epsilon, decay, scale }: AdamWStep,
): void {
  const { m, v, steps, cohort } = state;
  const rates = new Float64Array(steps.length);
  const corrections = new Float64Array(steps.length);
  for (let c = 0; c < steps.length; c++) {
    const t = (steps[c] ?? 0) + 1;
    steps[c] = t;
    rates[c] = lr / (1 - beta1 ** t);
    corrections[c] = 1 / Math.sqrt(1 - beta2 ** t);
  }
  const kept = 1 - lr * decay;
  const sparse = indices === 'all' ? null : indices;
  const length = count(indices, weights.length);
  const moves = new Float64Array(Math.min(BLOCK, length));
  for (let start = 0; start < length; start += BLOCK) {
    const end = Math.min(start + BLOCK, length);
    for (let j = start; j < end; j++) {
      const c = cohort === null ? 0 : (cohort[j] ?? 0);
      const g = (gradients[j] ?? 0) * scale;
      const first = beta1 * (m[j] ?? 0) + (1 - beta1) * g;
      const second = beta2 * (v[j] ?? 0) + (1 - beta2) * g * g;
      m[j] = first;
      v[j] = second;
      moves[j - start] = ((rates[c] ?? 0) * first) / (Math.sqrt(second) * (corrections[c] ?? 0) + epsilon);
    }
    for (let j = start; j < end; j++) {
      const i = sparse === null ? j : (sparse[j] ?? 0);
      weights[i] = (weights[i] ?? 0) * kept - (moves[j - start] ?? 0);
    }
  }
}

/** The step count of each active weight. */
export function stepCounts({ m, steps, cohort }: AdamWState): Uint32Array {
  return Uint32Array.from(m, (_, j) => steps[cohort?.[j] ?? 0] ?? 0);
}

/**
 * The state for a new set of active weights of the same tensor: weights that stay keep theirs, weights that
 * enter start at zero, the state of weights that leave is lost.
 *
 * @param size Elements of the tensor.
 */
export function carryAdamWState(
  state: AdamWState,
  before: Indices | undefined,
  after: Indices,
  size: number,
): AdamWState {
  const length = count(after, size);
  const precision = state.m instanceof Float64Array ? 'float64' : 'float32';
  const { m, v } = createAdamWState(length, precision);
  const countBefore = count(before, size);
  const cohort = new Uint16Array(length);
  // Cohorts are numbered anew in order of appearance, so that emptied ones vanish.
  const numbers = new Map<number | 'entering', number>();
  const steps: number[] = [];
  for (let j = 0, old = 0; j < length; j++) {
    const index = after === 'all' ? j : (after[j] ?? 0);
    while (old < countBefore && indexAt(before, old) < index) old++;
    const stays = old < countBefore && indexAt(before, old) === index;
    if (stays) {
      m[j] = state.m[old] ?? 0;
      v[j] = state.v[old] ?? 0;
    }
    const origin = stays ? (state.cohort?.[old] ?? 0) : 'entering';
    const number = numbers.get(origin) ?? steps.length;
    if (number === steps.length) {
      numbers.set(origin, number);
      steps.push(origin === 'entering' ? 0 : (state.steps[origin] ?? 0));
    }
    cohort[j] = number;
  }
  return { m, v, steps, cohort: steps.length > 1 ? cohort : null };
}

function indexAt(indices: Indices | undefined, position: number): number {
  return indices instanceof Int32Array ? (indices[position] ?? 0) : position;
}
