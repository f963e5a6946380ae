import { differentiate, gradientName } from '../autodiff/differentiate.ts';
import type { Graph, StaticGraph } from '../graph/graph.ts';
import { gatheredTables } from '../lowering/gathered-tables.ts';
import type { Selection } from '../methods/selection.ts';
import { count } from '../methods/selection.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { extentsOf, type Objective } from '../objectives/objective.ts';
import type { Backend } from '../runtime/backend.ts';
import { type BatchShape, ShapeCache } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, sizeOf, type Tensor } from '../tensor.ts';
import { type Gradient, sumByRow } from './gradient.ts';

/** The weights of a model by name; training changes them in place. */
export type Weights = ReadonlyMap<string, Tensor<'float32'>>;

/** Where to put the gradient of a tensor: memory for so many values, or undefined for memory of its own. */
export type Placement = (name: string, length: number) => Float32Array | undefined;

/** What is trained. */
export interface TrainingGraph {
  /** Parameters as inputs, with the scalar output `loss`. */
  readonly withLoss: Graph;
  readonly weights: Weights;
  readonly objective: Pick<Objective, 'layout'>;
}

/**
 * Loss and gradients of batches, with respect to the active weights only: the backward graph holds nothing for the
 * others, and nothing below the lowest of them.
 */
export class BatchGradients {
  /** The gradients of the last batch. Owned here; those that are not of rows are overwritten by each run. */
  readonly gradients: ReadonlyMap<string, Gradient>;
  readonly #gradients = new Map<string, Gradient>();
  readonly #weights: Weights;
  readonly #loss = float32([], [0]);
  readonly #results = new Map<string, Tensor>([[LOSS, this.#loss]]);
  /** Tables whose gradient comes by place, and the input that says which row each place reads. */
  readonly #tables = new Map<string, string>();
  /** Memory for the gradients by place, as long as the largest batch so far asked for. */
  readonly #byPlace = new Map<string, Float32Array>();
  readonly #cache: ShapeCache;

  /** @param above The part of the forward graph to run: all of it, or what stands on a prefix that is kept. */
  constructor(
    { withLoss, weights, objective }: TrainingGraph,
    active: Selection,
    backend: Backend,
    place: Placement = () => undefined,
    above: (graph: StaticGraph) => StaticGraph = (whole) => whole,
  ) {
    this.#weights = weights;
    this.gradients = this.#gradients;
    const elements = new Map<string, Int32Array>();
    const gathered = gatheredTables(withLoss);
    for (const [name, indices] of active) {
      const tensor = weights.get(name);
      if (tensor === undefined) continue;
      const numbers = gathered.get(name);
      if (indices === 'all' && numbers !== undefined) {
        this.#tables.set(name, numbers);
        this.#gradients.set(name, { values: new Float32Array(0), rows: new Int32Array(0) });
        continue;
      }
      const length = count(indices, tensor.data.length);
      const values = place(name, length) ?? new Float32Array(length);
      this.#gradients.set(name, { values });
      this.#results.set(gradientName(name), float32(indices === 'all' ? tensor.shape : [length], values));
      if (indices !== 'all') elements.set(name, indices);
    }
    const wrt = [...this.#gradients.keys()];
    const rows = new Set(this.#tables.keys());
    this.#cache = new ShapeCache(backend, (shape) => {
      const dims = extentsOf(objective.layout, shape);
      const forward = specialize(withLoss, { dims, variables: new Set() });
      const onlyLoss = { ...forward, outputs: forward.outputs.filter(({ name }) => name === LOSS) };
      return differentiate(above(onlyLoss), { loss: LOSS, wrt, elements, rows });
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
    const results = new Map(this.#results);
    const byPlace = [...this.#tables].map(([name, numbers]) => this.#placesOf(name, feeds.get(numbers)));
    for (const { name, slices } of byPlace) results.set(gradientName(name), slices);
    await executable.run(new Map([...this.#weights, ...feeds]), results);
    for (const { name, numbers, slices } of byPlace) {
      this.#gradients.set(name, sumByRow(numbers, slices.data));
    }
    return this.#loss.data[0] ?? Number.NaN;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }

  /** The row that each place reads of a table, and where its gradient goes: `[places, …]`. */
  #placesOf(name: string, fed: Tensor | undefined) {
    const numbers = fed?.data instanceof BigInt64Array ? fed.data : new BigInt64Array(0);
    const row = this.#weights.get(name)?.shape.slice(1) ?? [];
    const size = numbers.length * sizeOf(row);
    let memory = this.#byPlace.get(name);
    if (memory === undefined || memory.length < size) {
      memory = new Float32Array(size);
      this.#byPlace.set(name, memory);
    }
    return { name, numbers, slices: float32([numbers.length, ...row], memory.subarray(0, size)) };
  }
}
