import type { StaticGraph } from '../graph/graph.ts';
import { gatheredTables } from '../lowering/gathered-tables.ts';
import { waysByCost } from '../lowering/sparse-costs.ts';
import type { Selection, Sizes } from '../methods/selection.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import { shapesToKeep } from '../runtime/kept-shapes.ts';
import { type BatchShape, shapeKey } from '../runtime/shape-cache.ts';
import {
  BatchGradients,
  type GradientOptions,
  gradientGraph,
  type OnGradients,
  type Placement,
  type TrainingGraph,
} from './batch-gradients.ts';
import { BatchParts, type TrainingBatch } from './batch-parts.ts';
import { fromTopDown, groupsUpTo } from './gradient-groups.ts';
import {
  fillPrefix,
  type Kept,
  openPrefix,
  type PrefixReport,
  type PrefixUse,
  prefixNote,
  prefixReport,
  releasePrefix,
} from './open-prefix.ts';
import { Predictor } from './predictor.ts';
import type { Prefix } from './prefix.ts';
import type { Prepared } from './prepare.ts';
import { type StepProducts, stepProducts } from './step-products.ts';

/** What a run computes: gradients of batches and outputs to score, above what is computed once where there is such a part. */
export class Passes {
  readonly #prepared: Prepared;
  readonly #options: ResolvedTrainOptions;
  readonly #environment: Environment;
  readonly #batchParts: BatchParts;
  /** Whether the process retains the memory that graphs free: where shapes are too many for each to keep its own. */
  readonly retainsMemory: boolean;
  /** Where it does not: whether the graph that computes the gradients of batches of a shape keeps its memory. */
  readonly keepsMemory: (shape: BatchShape) => boolean;
  /** The graph that training runs, and what of it is kept. */
  #use: PrefixUse;
  #isFilled = false;
  #predictor: Predictor;
  /** What of the steps on selected weights is computed in 8 bits. */
  #stepProducts: StepProducts | undefined;

  constructor(prepared: Prepared, options: ResolvedTrainOptions, environment: Environment) {
    this.#prepared = prepared;
    this.#options = options;
    this.#environment = environment;
    this.#batchParts = new BatchParts(prepared.objective, options);
    const met = prepared.batches(1).flatMap((batch) => this.#batchParts.shapes(batch));
    // Slices are for those who have little memory.
    const isSparing = options.warmup.slices > 1;
    const common = isSparing ? new Set() : shapesToKeep(met);
    const isMore = !isSparing && met.some((shape) => !common.has(shapeKey(shape)));
    this.retainsMemory = isMore && (environment.retainMemory?.() ?? false);
    const kept = this.retainsMemory ? new Set() : common;
    this.keepsMemory = (shape) => kept.has(shapeKey(shape));
    const nothing = { prefix: undefined, products: undefined };
    this.#use = { ...prepared, ...nothing, scoring: nothing };
    this.#predictor = this.#newPredictor();
  }

  /**
   * Lets the part that none of these tensors enters be computed once from now on, where the options want that; what
   * was made by {@link gradients} before still computes it.
   *
   * @param trained Names of all tensors that may change in the rest of the run.
   * @returns what to tell of it
   */
  async usePrefix(trained: readonly string[]): Promise<readonly string[]> {
    await this.#predictor.release();
    this.#isFilled = false;
    this.#use = openPrefix(this.#prepared, this.#options, trained, this.#environment);
    this.#predictor = this.#newPredictor();
    const note = prefixNote(this.#use, this.#prepared.dropoutSites);
    const { forwardPrecision, gradientPrecision } = this.#options;
    return [
      ...(note === undefined ? [] : [note]),
      ...(forwardPrecision === 'int8'
        ? ['Normalised values are multiplied with frozen weights in 8 bits (forwardPrecision).']
        : []),
      ...(gradientPrecision === 'int8'
        ? ['Gradients are multiplied with frozen weights in 8 bits (gradientPrecision).']
        : []),
    ];
  }

  #newPredictor(): Predictor {
    const { objective, weights, statistics, maxLength } = this.#prepared;
    const { forward: graph, layout } = objective;
    return new Predictor(
      { graph, weights, statistics, layout, maxLength, ...this.#use.scoring },
      this.#environment,
    );
  }

  /**
   * Gradients of the loss with respect to the active weights, to measure them. The caller releases them.
   *
   * @param groups The same weights in groups, if not all are to be computed at once: see {@link gradientGroups}.
   */
  gradients(active: Selection, place?: Placement, groups?: readonly (readonly string[])[]): BatchGradients {
    const options = this.#gradientOptions();
    return new BatchGradients(this.#graph, active, this.#environment.backend, {
      ...options,
      place,
      groups,
      // Graphs that keep their memory each have their own.
      keepsMemory: groups === undefined || groups.length === 1 ? options.keepsMemory : undefined,
    });
  }

  /**
   * Tensors in the groups in which their whole gradients are to be computed, from the top of the model down: by
   * `gradientBytes`, all of them in one where batches come in parts, which add to them.
   */
  gradientGroups(names: readonly string[]): readonly (readonly string[])[] {
    const { gradientBytes, microBatch } = this.#options;
    if (gradientBytes === null || microBatch !== null) return [names];
    const inOrder = fromTopDown(this.#prepared.withLoss, names);
    const most = gradientBytes / Float32Array.BYTES_PER_ELEMENT;
    return groupsUpTo(inOrder, this.denseSizes(names), most);
  }

  /** Elements of the tensors' whole gradients: none of a table whose rows are looked up, which has no such gradient. */
  denseSizes(names: readonly string[]): Sizes {
    const tables = this.gatheredTables();
    const { weights } = this.#prepared;
    return new Map(names.map((name) => [name, tables.has(name) ? 0 : (weights.get(name)?.data.length ?? 0)]));
  }

  /** The same to train selected weights by, in the precision that the options say. */
  gradientsToTrain(selected: Selection): BatchGradients {
    const options = this.#gradientOptions(selected);
    this.#stepProducts = options.stepProducts;
    return new BatchGradients(this.#graph, selected, this.#environment.backend, options);
  }

  /** What {@link gradients} runs for batches of one shape, or {@link gradientsToTrain}. */
  gradientGraph(active: Selection, shape: BatchShape, isToTrain: boolean): StaticGraph {
    return gradientGraph(this.#graph, active, shape, this.#gradientOptions(isToTrain ? active : undefined));
  }

  get #graph(): TrainingGraph {
    const { weights, statistics, objective } = this.#prepared;
    return { withLoss: this.#use.withLoss, weights, statistics, objective };
  }

  /** @param selected What is trained by them; undefined where they are measured. */
  #gradientOptions(selected?: Selection): Omit<GradientOptions, 'place'> {
    const { prefix, products } = this.#use;
    return {
      inParts: this.#options.microBatch !== null,
      above: prefix && ((graph: StaticGraph) => prefix.cut.above(graph)),
      products,
      stepProducts: selected && stepProducts(this.#options, selected, this.#prepared.weights),
      ways: waysByCost(this.#options.sparseCosts),
      keepsMemory: this.keepsMemory,
    };
  }

  /** Tables whose gradients come by row: see `gatheredTables`. */
  gatheredTables(): ReadonlyMap<string, string> {
    return gatheredTables(this.#prepared.withLoss);
  }

  /** Fills `gradients` for a batch. @param onText Called after each text of a prefix. @returns the loss */
  async compute(
    batch: TrainingBatch,
    gradients: BatchGradients,
    onText: () => void,
    onGradients?: OnGradients,
  ): Promise<number> {
    if (!this.#isFilled) {
      const { train, evaluation } = this.#prepared.objective;
      // Those to evaluate on too: before the graphs of training are in memory.
      const texts = { train: train.texts ?? [], evaluation: evaluation.texts ?? [] };
      await fillPrefix(this.#use, texts, onText);
      this.#isFilled = true;
    }
    return gradients.run(await this.#batchParts.of(batch, this.#use), onGradients);
  }

  /** The outputs for the evaluation half, by the weights as they are. */
  logits(): ReturnType<Predictor['logits']> {
    const { evaluation, evaluationInputs } = this.#prepared.objective;
    return this.#predictor.logits(evaluation, this.#options.evalBatchSize, evaluationInputs);
  }

  /** What is computed once for training steps; undefined where nothing is. */
  get prefix(): Prefix | undefined {
    return this.#use.prefix;
  }

  /** The same for scores. */
  get scoring(): Kept {
    return this.#use.scoring;
  }

  get prefixReport(): PrefixReport | null {
    return prefixReport(this.#use);
  }

  /** Memory of weights in 8 bits. */
  get roundedBytes(): number {
    return (this.#use.products?.sizeBytes ?? 0) + (this.#stepProducts?.products.sizeBytes ?? 0);
  }

  async release(): Promise<void> {
    await this.#predictor.release();
    await releasePrefix(this.#use);
  }
}
