import type { Indices, Selection } from '../methods/selection.ts';

/** Averages of one tensor's weights in training, in the order of their indices. */
type Averages = ReadonlyMap<string, Float32Array>;

/**
 * Running averages of weights in training, in float32: after the t-th step a ← d·a + (1 − d)·w, with d the smaller of
 * `decay` and t / (t + 9), and 0 in the first step.
 *
 * As `EMAModel` of Hugging Face diffusers. The averages stand where the weights end up once the rate has fallen, long
 * before it has.
 */
export class WeightAverage {
  /** Steps that were taken in. */
  steps = 0;
  readonly #decay: number;
  readonly #dataOf: (name: string) => Float32Array;
  #selection: Selection;
  #averages: Averages;

  /**
   * @param decay From 0, where the average is the weight itself, to below 1.
   * @param selection The weights in training.
   * @param dataOf The tensor of that name, whose elements training moves.
   */
  constructor(decay: number, selection: Selection, dataOf: (name: string) => Float32Array) {
    this.#decay = decay;
    this.#dataOf = dataOf;
    this.#selection = selection;
    this.#averages = this.#read(selection);
  }

  get sizeBytes(): number {
    return [...this.#averages.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** By tensor, over their own memory. */
  get averages(): Averages {
    return this.#averages;
  }

  /** Takes the weights in after a step. */
  follow(): void {
    this.steps += 1;
    const soon = this.steps === 1 ? 0 : this.steps / (this.steps + 9);
    const decay = Math.min(this.#decay, soon);
    for (const { weights, indices, averages } of this.#tensors()) {
      for (let j = 0; j < averages.length; j++) {
        const weight = weights[indices === null ? j : (indices[j] ?? 0)] ?? 0;
        averages[j] = decay * (averages[j] ?? 0) + (1 - decay) * weight;
      }
    }
  }

  /** Puts the averages in the place of the weights, and keeps the weights until it is called again. */
  swap(): void {
    for (const { weights, indices, averages } of this.#tensors()) {
      for (let j = 0; j < averages.length; j++) {
        const i = indices === null ? j : (indices[j] ?? 0);
        const weight = weights[i] ?? 0;
        weights[i] = averages[j] ?? 0;
        averages[j] = weight;
      }
    }
  }

  /** Other weights from now on: those that stay keep their average, those that enter begin with their value. */
  replace(selection: Selection): void {
    this.swap();
    const averages = this.#read(selection);
    this.swap();
    this.#selection = selection;
    this.#averages = averages;
  }

  #read(selection: Selection): Averages {
    return new Map([...selection].map(([name, indices]) => [name, valuesAt(this.#dataOf(name), indices)]));
  }

  /** Each tensor's weights, the places of those that are averaged (null: all), and their averages. */
  *#tensors(): Iterable<{ weights: Float32Array; indices: Int32Array | null; averages: Float32Array }> {
    for (const [name, averages] of this.#averages) {
      const indices = this.#selection.get(name);
      yield {
        weights: this.#dataOf(name),
        indices: indices instanceof Int32Array ? indices : null,
        averages,
      };
    }
  }
}

function valuesAt(weights: Float32Array, indices: Indices): Float32Array {
  return indices === 'all' ? weights.slice() : Float32Array.from(indices, (index) => weights[index] ?? 0);
}
