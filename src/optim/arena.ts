import { type AdamWFactors, compileKernels, type Kernels } from './kernels.ts';

const PAGE_BYTES = 65536;

/** What one arena holds at most, in float32 values: WebAssembly addresses 4 GiB. */
export const ARENA_LIMIT: number = 2 ** 30 - PAGE_BYTES;

/**
 * Memory for float32 arrays, with the loops over them in WebAssembly: four values at a time, where they lie. Its
 * arrays are ordinary ones, which onnxruntime reads and writes in place.
 */
export class Arena {
  readonly #buffer: ArrayBuffer;
  readonly #kernels: Kernels;
  #used = 0;

  /** @param lengths Of the arrays that it will hold, together at most {@link ARENA_LIMIT}. */
  constructor(lengths: readonly number[]) {
    const bytes = lengths.reduce((sum, length) => sum + paddedBytes(length), 0);
    const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.#buffer = memory.buffer;
    this.#kernels = compileKernels(memory);
  }

  /** A new array of zeros. */
  array(length: number): Float32Array {
    const array = new Float32Array(this.#buffer, this.#used, length);
    this.#used += paddedBytes(length);
    return array;
  }

  /**
   * One AdamW step on arrays of this arena, all of one length; `weights`, `m` and `v` change in place:
   * m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − (lr·λ·θ + lr/(1 − β₁ᵗ) · m/(√v/√(1 − β₂ᵗ) + ε)).
   */
  adamw(
    weights: Float32Array,
    gradients: Float32Array,
    m: Float32Array,
    v: Float32Array,
    factors: AdamWFactors,
  ): void {
    this.#kernels.adamw({ weights, gradients, m, v }, factors);
  }

  /** {@link adamw} where all gradients are zero: the same values, to the bit. */
  adamwIdle(weights: Float32Array, m: Float32Array, v: Float32Array, factors: AdamWFactors): void {
    this.#kernels.idle({ weights, gradients: weights, m, v }, factors);
  }

  /** {@link adamwIdle} where all moments are zero as well: θ ← θ − lr·λ·θ. */
  adamwUntouched(weights: Float32Array, factors: AdamWFactors): void {
    if (factors.decay === 0) return;
    this.#kernels.untouched({ weights, gradients: weights, m: weights, v: weights }, factors);
  }

  /** Σ x² of an array of this arena, or of a part that begins like one, summed in float64. */
  sumOfSquares(values: Float32Array): number {
    const { byteOffset, length } = values;
    const padded = new Float32Array(this.#buffer, byteOffset, paddedBytes(length) / 4);
    padded.fill(0, length);
    return this.#kernels.squares(byteOffset, padded.byteLength);
  }
}

/** Arrays begin at multiples of 16 bytes. */
function paddedBytes(length: number): number {
  return Math.ceil(length / 4) * 16;
}
