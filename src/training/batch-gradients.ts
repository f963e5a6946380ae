import { differentiate, gradientName } from '../autodiff/differentiate.ts';
import type { Graph, StaticGraph } from '../graph/graph.ts';
import { movedName } from '../imported/running-statistics.ts';
import { accumulating, SHARE, soFarName, withShare } from '../lowering/accumulation.ts';
import type { EightBitProducts } from '../lowering/eight-bit-products.ts';
import { gatheredTables } from '../lowering/gathered-tables.ts';
import { withNarrowedValues } from '../lowering/narrowed-values.ts';
import type { SparseWays } from '../lowering/sparse-costs.ts';
import { type Stage, stagesOf } from '../lowering/stages.ts';
import type { Selection } from '../methods/selection.ts';
import { count } from '../methods/selection.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { extentsOf, type Objective } from '../objectives/objective.ts';
import type { Backend } from '../runtime/backend.ts';
import { type BatchShape, ShapeCache } from '../runtime/shape-cache.ts';
import { Scratch, Stages } from '../runtime/stages.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, sizeOf, type Tensor, zeros } from '../tensor.ts';
import { type Gradient, sumByRow } from './gradient.ts';
import type { StepProducts } from './step-products.ts';

/** Products of fewer rows than this take no longer in float32. */
const LEAST_ROWS = 64;

/** The weights of a model by name; training changes them in place. */
export type Weights = ReadonlyMap<string, Tensor<'float32'>>;

/** A batch, or a part of it. */
export interface BatchPart {
  /** The graph's inputs, its weights left out. */
  readonly feeds: ReadonlyMap<string, Tensor>;
  readonly shape: BatchShape;
  /** How much it counts in the batch's mean loss; 1 for a whole batch. */
  readonly share: number;
}

/** How gradients are computed. */
export interface GradientOptions {
  readonly place?: Placement | undefined;
  /** Whether batches come in parts, whose gradients are added up where they lie. */
  readonly inParts?: boolean | undefined;
  /** The part of the forward graph to run: all of it, or what stands on a prefix that is kept. */
  readonly above?: ((graph: StaticGraph) => StaticGraph) | undefined;
  /** Computes in 8 bits what no trained weight enters. */
  readonly products?: EightBitProducts | undefined;
  /** Computes in 8 bits what is multiplied with weights that are frozen for the most part. */
  readonly stepProducts?: StepProducts | undefined;
  /** How the gradients of selected elements are computed: the ways that are cheapest by `typicalCosts`, if left out. */
  readonly ways?: SparseWays | undefined;
  /** For which shapes of batches memory is kept between them (see `CompileOptions`). */
  readonly keepsMemory?: ((shape: BatchShape) => boolean) | undefined;
  /**
   * The active tensors in groups, which are computed one after another, each overwriting the last where they share memory
   * (`gradientGroups`): one, if left out, as always with `inParts`.
   */
  readonly groups?: readonly (readonly string[])[] | undefined;
}

/** Is given gradients when they are there, and the loss; the next ones are computed when it is done with them. */
export type OnGradients = (gradients: ReadonlyMap<string, Gradient>, loss: number) => Promise<void>;

/** Where to put the gradient of a tensor: memory for so many values, or undefined for memory of its own. */
export type Placement = (name: string, length: number) => Float32Array | undefined;

/** What is trained. */
export interface TrainingGraph {
  /** Parameters as inputs, with the scalar output `loss`. */
  readonly withLoss: Graph;
  readonly weights: Weights;
  /** Running statistics, as inputs; those that a batch moves have an output `moved/<name>`. */
  readonly statistics?: Weights | undefined;
  readonly objective: Pick<Objective, 'layout'>;
}

/**
 * The graph of one shape of batches with the outputs `loss` and, for each active tensor, `grad/<name>`: of the tensor's
 * shape, of the selected elements, or a row for each place that reads a table. Running statistics that move are outputs too.
 */
export function gradientGraph(
  { withLoss, weights, objective, statistics = new Map() }: TrainingGraph,
  active: Selection,
  shape: BatchShape,
  { inParts = false, above = (whole) => whole, products, stepProducts, ways }: GradientOptions,
): StaticGraph {
  const wrt = [...active.keys()].filter((name) => weights.has(name));
  const rows = new Set([...gatheredTables(withLoss).keys()].filter((name) => active.get(name) === 'all'));
  const elements = new Map(
    [...active].flatMap(([name, indices]) => (indices === 'all' ? [] : [[name, indices] as const])),
  );
  const forward = specialize(withLoss, { dims: extentsOf(objective.layout, shape), variables: new Set() });
  const kept = new Set([LOSS, ...[...statistics.keys()].map(movedName)]);
  const onlyLoss = { ...forward, outputs: forward.outputs.filter(({ name }) => kept.has(name)) };
  const options = { loss: LOSS, wrt, elements, rows, ways };
  const part = above(onlyLoss);
  const rounded = products?.rewrite(part) ?? part;
  const whole = differentiate(inParts ? withShare(rounded, LOSS) : rounded, options);
  const complete =
    stepProducts === undefined ? whole : inEightBits(whole, stepProducts, normalizedValues(forward));
  if (!inParts) return complete;
  return accumulating(complete, new Set(wrt.filter((name) => !rows.has(name)).map(gradientName)));
}

/** The graph of a step with products in 8 bits: before the loss those of these values, and those after it. */
function inEightBits(
  graph: StaticGraph,
  { products, forward, backward }: StepProducts,
  values: ReadonlySet<string>,
): StaticGraph {
  const ofValues = (x: string): boolean => values.has(x);
  const below = forward ? products.rewrite(graph, { before: LOSS, leastRows: LEAST_ROWS, ofValues }) : graph;
  if (!backward) return below;
  const options = { after: LOSS, leastRows: LEAST_ROWS };
  const meant = products.productsOf(below, options);
  // What is left out must be known before it is rounded.
  return products.rewrite(
    withNarrowedValues(below, (node) => meant.has(node)),
    options,
  );
}

/** What layer normalisation makes: without the outliers of activations, so that 8 bits suffice. */
function normalizedValues({ nodes }: StaticGraph): ReadonlySet<string> {
  const makers = nodes.filter(({ opType }) => opType === 'LayerNormalization');
  return new Set(makers.flatMap(({ outputs }) => outputs.slice(0, 1)));
}

/**
 * Loss and gradients of batches, with respect to the active weights only: the backward graph holds nothing for the
 * others, and nothing below the lowest of them.
 */
export class BatchGradients {
  /** The gradients of the last batch, or group of them. Owned here; those that are not of rows are overwritten by each run. */
  readonly gradients: ReadonlyMap<string, Gradient>;
  readonly #gradients = new Map<string, Gradient>();
  /** Where the last batch has moved the running statistics to, by name; empty where they stay. */
  readonly moved: Weights;
  readonly #weights: Weights;
  readonly #statistics: Weights;
  /** Of what is computed in 8 bits, the weights. */
  readonly #rounded: readonly EightBitProducts[];
  readonly #loss = float32([], [0]);
  readonly #results = new Map<string, Tensor<'float32'>>([[LOSS, this.#loss]]);
  /** Tables whose gradient comes by place, and the input that says which row each place reads. */
  readonly #tables = new Map<string, string>();
  /** Memory for the gradients by place, as long as the largest batch so far asked for. */
  readonly #byPlace = new Map<string, Float32Array>();
  readonly #inParts: boolean;
  /** Results that the parts of a batch add to. */
  readonly #sums = new Map<string, Tensor<'float32'>>();
  readonly #groups: readonly (readonly string[])[];
  readonly #cache: ShapeCache<Stages>;

  constructor(graph: TrainingGraph, active: Selection, backend: Backend, options: GradientOptions = {}) {
    const { withLoss, weights, statistics = new Map() } = graph;
    const { inParts = false, products, stepProducts, place = () => undefined, groups, keepsMemory } = options;
    this.#weights = weights;
    this.#statistics = statistics;
    this.#rounded = [products, stepProducts?.products].filter((each) => each !== undefined);
    const outputs = new Set(withLoss.outputs.map(({ name }) => name));
    this.moved = new Map(
      [...statistics]
        .filter(([name]) => outputs.has(movedName(name)))
        .map(([name, { shape, data }]) => [name, float32(shape, data.slice())]),
    );
    this.#inParts = inParts;
    this.gradients = this.#gradients;
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
    }
    this.#groups = inParts || groups === undefined ? [[...active.keys()]] : groups;
    const scratch = new Scratch();
    this.#cache = new ShapeCache((shape) =>
      Stages.compile(backend, this.#stagesOf(gradientGraph(graph, active, shape, options)), scratch, {
        keepsMemory: keepsMemory?.(shape),
      }),
    );
    if (!inParts) return;
    for (const [name, tensor] of this.#results) if (name !== LOSS) this.#sums.set(name, tensor);
  }

  /**
   * Fills {@link gradients} for a batch.
   *
   * @param parts The whole batch, or parts of it whose shares make 1.
   * @param onGradients Called with each group of them in turn, those of looked-up tables last.
   * @returns the loss
   */
  async run(parts: readonly BatchPart[], onGradients: OnGradients = async () => {}): Promise<number> {
    for (const { data } of this.#sums.values()) data.fill(0);
    const soFar = [...this.#sums].map(([name, tensor]) => [soFarName(name), tensor] as const);
    for (const [name, { data }] of this.moved) data.set(this.#statistics.get(name)?.data ?? []);
    const places = [...this.#tables].map(([name, input]) => this.#placesOf(name, input, parts));
    let loss = 0;
    for (const [i, { feeds, shape, share }] of parts.entries()) {
      const stages = await this.#cache.get(shape);
      const results = new Map(this.#results);
      for (const { name, slices } of places) {
        const slice = slices[i];
        if (slice !== undefined) results.set(gradientName(name), slice);
      }
      const given = new Map<string, Tensor>([
        ...this.#weights,
        ...this.#rounded.flatMap(({ feeds }) => [...feeds]),
        ...this.#statistics,
        ...this.moved,
        ...feeds,
        ...soFar,
      ]);
      if (this.#inParts) given.set(SHARE, float32([], [share]));
      const next = new Map([...this.moved].map(([name, { shape }]) => [name, zeros('float32', shape)]));
      for (const [name, tensor] of next) results.set(movedName(name), tensor);
      await stages.run(given, results, async (stage) => {
        if (stage === 0) loss += this.#loss.data[0] ?? Number.NaN;
        if (!this.#inParts) await onGradients(this.#ofGroup(stage), loss);
      });
      for (const [name, { data }] of next) this.moved.get(name)?.data.set(data);
    }
    for (const { name, numbers, gradients } of places) {
      this.#gradients.set(name, sumByRow(numbers, gradients));
    }
    const last = this.#inParts ? this.#gradients : this.#named([...this.#tables.keys()]);
    await onGradients(last, loss);
    return loss;
  }

  release(): Promise<void> {
    return this.#cache.release();
  }

  #stagesOf(graph: StaticGraph): readonly Stage[] {
    const groups = this.#groups.map((names) => names.map(gradientName));
    if (groups.length === 1) return [{ graph, outputs: graph.outputs.map(({ name }) => name) }];
    // A weight may move as soon as its gradient is there.
    const moving = this.#groups.flatMap((names, stage) => names.map((name) => [name, stage] as const));
    // What is left out of values is found in the whole.
    return stagesOf(withNarrowedValues(graph), groups, new Map(moving));
  }

  /** The gradients that a stage has computed, but for those of tables. */
  #ofGroup(stage: number): ReadonlyMap<string, Gradient> {
    return this.#named((this.#groups[stage] ?? []).filter((name) => !this.#tables.has(name)));
  }

  #named(names: readonly string[]): ReadonlyMap<string, Gradient> {
    return new Map(
      names.flatMap((name): [string, Gradient][] => {
        const gradient = this.#gradients.get(name);
        return gradient === undefined ? [] : [[name, gradient]];
      }),
    );
  }

  /** The rows that the places of a batch read of a table, and where their gradients go: of all, and of each part. */
  #placesOf(name: string, input: string, parts: readonly BatchPart[]) {
    const fed = parts.map(({ feeds }) => feeds.get(input)?.data);
    const numbers = fed.flatMap((data) => (data instanceof BigInt64Array ? Array.from(data, Number) : []));
    const row = this.#weights.get(name)?.shape.slice(1) ?? [];
    const width = sizeOf(row);
    let memory = this.#byPlace.get(name);
    if (memory === undefined || memory.length < numbers.length * width) {
      memory = new Float32Array(numbers.length * width);
      this.#byPlace.set(name, memory);
    }
    const gradients = memory.subarray(0, numbers.length * width);
    let from = 0;
    const slices = fed.map((data) => {
      const places = data?.length ?? 0;
      from += places;
      return float32([places, ...row], gradients.subarray((from - places) * width, from * width));
    });
    return { name, numbers, gradients, slices };
  }
}
