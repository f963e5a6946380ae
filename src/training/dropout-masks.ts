import { counterKey } from '../data/counter-draws.ts';
import { fmix32 } from '../data/fmix32.ts';
import type { DropoutSite } from '../models/dropout.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../tensor.ts';

/** Masks begin at one of so many places of the pool. */
const OFFSETS = 1 << 20;

const GOLDEN = 0x9e3779b9;

/**
 * Dropout masks by a counter-based generator: the same seed and counters give the same masks, whatever was drawn
 * before.
 *
 * Drawing a number for each value of each layer would cost as much as the layers' arithmetic. Instead there is one
 * pool of independent draws for each probability, and a mask is a window of it, at a place that follows from the
 * counters: feeding it copies nothing. Values of one mask are independent; so are those of two masks at the same
 * position, unless their windows coincide (one in 2²⁰).
 */
export class DropoutMasks {
  readonly #seed: number;
  readonly #pools = new Map<number, Float32Array>();

  /** @param seed An integer from 0 to 2³² − 1. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /**
   * The mask of a site for one batch: 0 with the site's probability p, else 1/(1 − p).
   *
   * @param epoch From 1.
   * @param batch Its number in the epoch.
   * @returns a view of shared memory, not to be written
   */
  mask({ input, probability }: DropoutSite, shape: Shape, epoch: number, batch: number): Tensor<'float32'> {
    const size = sizeOf(shape);
    const start = counterKey(this.#seed, [epoch, batch, siteNumber(input)]) % OFFSETS;
    return float32(shape, this.#pool(probability, OFFSETS + size).subarray(start, start + size));
  }

  /** At least `length` draws; a longer pool begins with the shorter one. */
  #pool(probability: number, length: number): Float32Array {
    const existing = this.#pools.get(probability);
    if (existing !== undefined && existing.length >= length) return existing;
    const key = fmix32(this.#seed + fmix32(Math.round(probability * 2 ** 32)));
    const threshold = probability * 2 ** 32;
    const kept = 1 / (1 - probability);
    const pool = new Float32Array(length);
    for (let i = 0; i < length; i++) {
      pool[i] = fmix32(key + Math.imul(i, GOLDEN)) < threshold ? 0 : kept;
    }
    this.#pools.set(probability, pool);
    return pool;
  }
}

function siteNumber(input: string): number {
  return Number(input.slice(input.lastIndexOf('/') + 1));
}
