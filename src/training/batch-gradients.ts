import { differentiate, gradientName } from '../autodiff/differentiate.ts';
import type { Graph } from '../graph/graph.ts';
import type { Selection } from '../methods/selection.ts';
import { count } from '../methods/selection.ts';
import { LOSS } from '../models/sequence-classification.ts';
import type { Backend } from '../runtime/backend.ts';
import { type BatchShape, ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, type Tensor } from '../tensor.ts';

/** The weights of a model by name; training changes them in place. */
export type Weights = ReadonlyMap<string, Tensor<'float32'>>;

/**
 * Loss and gradients of batches, with respect to the active weights only: the backward graph holds nothing for the
 * others, and nothing below the lowest of them.
 */
export class BatchGradients {
  /**
   * The gradients of the last batch: of a whole tensor in its own layout, of a selection one value for each index.
   * Owned here and overwritten by each run.
   */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly #weights: Weights;
  readonly #loss = float32([], [0]);
  readonly #results: ReadonlyMap<string, Tensor>;
  readonly #cache: ShapeCache;

  /** @param memory Where to put the gradients: room for all of them; own memory where it is left out. */
  constructor(graph: Graph, weights: Weights, active: Selection, backend: Backend, memory?: Float32Array) {
    this.#weights = weights;
    const gradients = new Map<string, Float32Array>();
    const results = new Map<string, Tensor>([[LOSS, this.#loss]]);
    const elements = new Map<string, Int32Array>();
    let used = 0;
    for (const [name, indices] of active) {
      const tensor = weights.get(name);
      if (tensor === undefined) continue;
      const length = count(indices, tensor.data.length);
      const data = memory?.subarray(used, used + length) ?? new Float32Array(length);
      used += length;
      gradients.set(name, data);
      results.set(gradientName(name), float32(indices === 'all' ? tensor.shape : [data.length], data));
      if (indices !== 'all') elements.set(name, indices);
    }
    this.gradients = gradients;
    this.#results = results;
    this.#cache = new ShapeCache(backend, ({ batch, sequence }) => {
      const forward = specialize(graph, { dims: { batch, sequence }, variables: new Set() });
      const onlyLoss = { ...forward, outputs: forward.outputs.filter(({ name }) => name === LOSS) };
      return differentiate(onlyLoss, { loss: LOSS, wrt: [...gradients.keys()], elements });
    });
  }

  /**
   * Fills {@link gradients} for a batch.
   *
   * @param feeds The graph's inputs, its weights left out.
   * @returns the loss
   */
  async run(feeds: ReadonlyMap<string, Tensor>, shape: BatchShape): Promise<number> {
    const executable = await this.#cache.get(shape);
    await executable.run(new Map([...this.#weights, ...feeds]), this.#results);
    return this.#loss.data[0] ?? Number.NaN;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }
}
