import { type Batch, sequentialBatches } from '../data/batches.ts';
import { openField } from '../methods/gspf/first-choice.ts';
import { addsAsTheyCome } from '../methods/gspf/measure.ts';
import { spanAfterWarmup, warmupBatches } from '../methods/gspf/warmup.ts';
import { countAll, type Indices, type Selection } from '../methods/selection.ts';
import { extentsOf } from '../objectives/objective.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { ResolvedTrainOptions, TrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import { specialize } from '../specialize/specialize.ts';
import type { Task } from '../tasks/task.ts';
import { beginRun } from '../training/begin-run.ts';
import { microBatches } from '../training/micro-batches.ts';
import type { Passes } from '../training/passes.ts';
import type { Run } from '../training/run.ts';
import { countSteps } from '../training/train-epochs.ts';
import { expectedSelection } from './expected-selection.ts';
import { shapeCosts } from './shape-costs.ts';
import { measureSpeeds, type Speeds } from './speeds.ts';

/** What a phase will take. */
export interface PhasePlan {
  readonly phase: 'warmup' | 'train';
  readonly steps: number;
  /** Mean over its batches. */
  readonly stepMs: number;
  /** Until its sessions are made, and what is computed once is. */
  readonly setupMs: number;
  /** At its peak, by what holds it; the sum is `peakBytes`. */
  readonly memory: MemoryPlan;
  readonly peakBytes: number;
}

/** Bytes by what holds them. */
export interface MemoryPlan {
  /** The process before it reads a weight: runtime, libraries, data. */
  readonly process: number;
  readonly weights: number;
  readonly gradients: number;
  /** Sums of the warm-up, moments of AdamW, averages of the weights. */
  readonly optimizer: number;
  /** Intermediate values of the largest batch. */
  readonly activations: number;
  /** What is computed once, of all examples (`prefix.cache`). */
  readonly prefix: number;
  /** A checkpoint while it is written. */
  readonly checkpoint: number;
}

/** What a run would take. */
export interface RunPlan {
  readonly options: ResolvedTrainOptions;
  readonly parameters: number;
  /** Weights that would be trained. */
  readonly selected: number;
  readonly phases: readonly PhasePlan[];
  /** Of all steps and evaluations together. */
  readonly elapsedMs: number;
  readonly peakBytes: number;
  readonly patchBytes: number;
  /** What is computed once and has no room in memory (`prefix.cache`). */
  readonly prefixDiskBytes: number;
  readonly speeds: Speeds;
  readonly notes: readonly string[];
}

const FLOAT_BYTES = 4;
/** A changed weight in a patch: its value, and most gaps between indices in two bytes. */
const PATCH_BYTES = 6;
/** What malloc holds beyond what is asked of it, as a share of the intermediate values. */
const SLACK = 1.15;
/**
 * What malloc does not give back after the values of one shape of batches, since those of others lie between: 10 to
 * 20 MB on Linux, as measured (docs/performance.md). And what onnxruntime itself loads with its first session.
 */
const KEPT_OF_SHAPE = 15e6;
const RUNTIME_BYTES = 40e6;
/** A step on selected weights beside the sum of its parts, each timed alone in a chain of its kind: as measured. */
const SPARSE_FACTOR = 1.3;

/**
 * Predicts what a run would take, without a step of it: memory from the graphs that it would run, time from their
 * operations and the speed of this machine. The selection is not known before it is made; one of the usual form stands in.
 *
 * @throws as `fineTune`, for options, models and data that do not fit.
 */
export async function planRun(
  model: TrainableModel,
  task: Task,
  given: TrainOptions,
  environment: Environment,
): Promise<RunPlan> {
  const process = environment.memory().rssBytes;
  const { run } = await beginRun(model, task, given, environment, {});
  const speeds = await measureSpeeds(environment.backend, environment.now);
  const planner = new Planner(run, process, speeds);
  const phases = run.options.method === 'full' ? await planner.full() : await planner.gspf();
  const { evaluationMs } = planner;
  await run.release();
  const selected = planner.selected;
  return {
    options: run.options,
    parameters: planner.parameters,
    selected,
    phases,
    elapsedMs: phases.reduce(
      (sum, { steps, stepMs, setupMs }) => sum + setupMs + steps * stepMs,
      evaluationMs,
    ),
    peakBytes: Math.max(...phases.map(({ peakBytes }) => peakBytes)),
    patchBytes: selected * (run.options.method === 'full' ? FLOAT_BYTES : PATCH_BYTES),
    prefixDiskBytes: planner.prefixDiskBytes,
    speeds,
    notes: run.notes,
  };
}

class Planner {
  readonly parameters: number;
  selected = 0;
  /** Of all evaluations. */
  evaluationMs = 0;
  prefixDiskBytes = 0;
  readonly #run: Run;
  readonly #process: number;
  readonly #speeds: Speeds;

  constructor(run: Run, process: number, speeds: Speeds) {
    this.#run = run;
    this.#process = process;
    this.#speeds = speeds;
    this.parameters = sum(run.sizes([...run.prepared.weights.keys()]).values());
  }

  async full(): Promise<readonly PhasePlan[]> {
    const { options, stepsPerEpoch, prepared } = this.#run;
    const all = wholeTensors([...prepared.weights.keys()]);
    const { whole, untouched } = this.#speeds.update;
    const { dense, rows, places, others } = this.#reach(all);
    this.selected = this.parameters;
    const phase = await this.#phase('train', options.epochs * stepsPerEpoch, all, {
      updateMs: (dense + rows) * whole + others * untouched + this.#addUpMs(places),
      memory: {
        gradients: (this.#atOnce(all, options.clipNorm === null) + places) * FLOAT_BYTES,
        // Moments of rows that never had a gradient are pages that nobody wrote.
        optimizer: 2 * (dense + rows) * FLOAT_BYTES,
        checkpoint: 3 * this.parameters * FLOAT_BYTES,
      },
    });
    await this.#evaluate(options.epochs);
    return [phase];
  }

  async gspf(): Promise<readonly PhasePlan[]> {
    const { options, prepared, stepsPerEpoch } = this.#run;
    const { tensors, chooser } = openField(this.#run);
    const { accumulate, sgd, selected } = this.#speeds.update;
    const batches = warmupBatches(this.#run);
    const measured = wholeTensors(tensors);
    const { dense, places } = this.#reach(measured);
    const moved = options.warmup.update === 'sgd';
    const warmup = await this.#phase('warmup', batches, measured, {
      updateMs:
        ((dense + places) * (accumulate + (moved ? sgd : 0))) / options.warmup.slices + this.#addUpMs(places),
      memory: {
        gradients:
          ((this.#atOnce(measured, addsAsTheyCome(this.#run)) + places) / options.warmup.slices) *
          FLOAT_BYTES,
        optimizer: sum(this.#run.sizes(tensors).values()) * FLOAT_BYTES,
        checkpoint: 0,
      },
    });

    const head = new Set(options.select.head === 'always' ? prepared.head : []);
    const headWeights = sum(this.#run.sizes([...head]).values());
    const k = Math.max(1, Math.floor(options.select.ratio * chooser.eligibleWeights));
    const budget = options.select.headInBudget ? Math.max(0, k - headWeights) : k;
    const shapes = tensors.map((name) => ({ name, shape: prepared.weights.get(name)?.shape ?? [] }));
    const selection = expectedSelection(shapes, head, budget);
    const active = countAll(selection, this.#run.sizes(tensors));
    this.selected = active;
    await this.#run.usePrefix([...selection.keys()]);
    const span = spanAfterWarmup(this.#run, batches);
    const train = await this.#phase('train', countSteps(span, stepsPerEpoch), selection, {
      updateMs: active * selected,
      memory: {
        gradients: active * FLOAT_BYTES,
        optimizer: (options.emaDecay === null ? 2 : 3) * active * FLOAT_BYTES,
        // θ⁰, read again to prove what is frozen.
        checkpoint: this.parameters * FLOAT_BYTES,
      },
    });
    await this.#evaluate(span.to - span.from + 1);
    return [warmup, train];
  }

  async #phase(
    phase: PhasePlan['phase'],
    steps: number,
    active: Selection,
    {
      updateMs,
      memory,
    }: { updateMs: number; memory: Pick<MemoryPlan, 'gradients' | 'optimizer' | 'checkpoint'> },
  ): Promise<PhasePlan> {
    const { prepared, options } = this.#run;
    const batches = prepared.batches(1).slice(0, steps);
    const parts = batches.flatMap(({ rows, ...batch }) =>
      microBatches(rows, options.microBatch).map((part): Batch => ({ ...batch, rows: part })),
    );
    const costs = await shapeCosts(
      parts,
      (shape) => this.#run.passes.gradientGraph(active, shape, phase === 'train'),
      this.#speeds.graph,
      this.#run.environment,
      this.#run.passes,
    );
    const isSparse = [...active.values()].some((indices) => indices !== 'all');
    const factor = isSparse ? SPARSE_FACTOR : 1;
    const below = phase === 'train' ? await this.#prefix() : { ms: 0, memoryBytes: 0 };
    const complete: MemoryPlan = {
      process: this.#process + RUNTIME_BYTES,
      weights: this.parameters * FLOAT_BYTES,
      ...memory,
      activations: SLACK * costs.liveBytes + KEPT_OF_SHAPE * costs.shapes,
      prefix: below.memoryBytes,
    };
    return {
      phase,
      steps,
      stepMs: (factor * sum(parts.map(costs.msOf))) / batches.length + updateMs,
      setupMs: costs.compileMs + below.ms,
      memory: complete,
      peakBytes: sum(Object.values(complete)),
    };
  }

  /**
   * What the gradients of tensors that are trained whole cover: weights of those that have a dense one; of tables that
   * are looked up, weights of the rows that the training texts read, values that a batch reads, and all other weights.
   */
  #reach(active: Selection): Record<'dense' | 'rows' | 'places' | 'others', number> {
    const { weights, objective } = this.#run.prepared;
    const texts = objective.train.texts ?? [];
    const words = new Set(texts.flatMap(({ ids }) => ids)).size;
    const longest = Math.max(0, ...this.#run.batches(1).map(({ rows, length }) => rows.length * length));
    const reach = { dense: 0, rows: 0, places: 0, others: 0 };
    const tables = this.#run.passes.gatheredTables();
    for (const [name, { shape, data }] of weights) {
      if (!active.has(name)) continue;
      if (!tables.has(name)) {
        reach.dense += data.length;
        continue;
      }
      const [height = 1] = shape;
      const width = data.length / height;
      const read = Math.min(height, words);
      reach.rows += read * width;
      reach.others += (height - read) * width;
      reach.places += longest * width;
    }
    return reach;
  }

  /** The most elements of whole gradients at once: of all tensors, or of the largest group where they come in groups. */
  #atOnce(active: Selection, inGroups: boolean): number {
    const { passes } = this.#run;
    const names = [...active.keys()];
    const sizes = passes.denseSizes(names);
    const groups = inGroups ? passes.gradientGroups(names) : [names];
    return Math.max(0, ...groups.map((group) => sum(group.map((name) => sizes.get(name) ?? 0))));
  }

  /** Adding up the gradients of a table's places, twice: by place, then into the sums. */
  #addUpMs(places: number): number {
    return 2 * places * this.#speeds.update.accumulate;
  }

  /** How graphs that compute no gradients have their memory. */
  get #noneKept(): Pick<Passes, 'retainsMemory' | 'keepsMemory'> {
    return { retainsMemory: this.#run.passes.retainsMemory, keepsMemory: () => false };
  }

  /** Computing the prefix of all texts once, and keeping it in memory or on disk. */
  async #prefix(): Promise<{ readonly ms: number; readonly memoryBytes: number }> {
    const { passes, prepared, options } = this.#run;
    const { prefix, scoring } = passes;
    if (prefix === undefined) return { ms: 0, memoryBytes: 0 };
    const { train, evaluation } = prepared.objective;
    const [toTrain, toScore] = [train, evaluation].map(({ texts = [] }) =>
      texts.map(({ ids }) => ids.length),
    );
    const computed = new Map([[prefix, toTrain ?? []]]);
    const scored = scoring.prefix ?? prefix;
    computed.set(scored, [...(computed.get(scored) ?? []), ...(toScore ?? [])]);
    let [ms, bytes] = [0, 0];
    for (const [each, lengths] of computed) {
      const batches = sequentialBatches({ lengths, batchSize: options.batchSize });
      const costs = await shapeCosts(
        batches,
        (shape) => each.graph(shape),
        this.#speeds.graph,
        this.#run.environment,
        this.#noneKept,
      );
      ms += costs.compileMs + sum(batches.map(costs.msOf));
      bytes += FLOAT_BYTES * sum(lengths.map((length) => each.cut.sizeFor(length)));
    }
    const memoryBytes = prefix.cache.memoryFor(bytes);
    this.prefixDiskBytes = prefix.cache.storeFor(bytes);
    return { ms, memoryBytes };
  }

  async #evaluate(times: number): Promise<void> {
    const {
      prepared,
      options,
      passes: {
        scoring: { prefix },
      },
    } = this.#run;
    const { forward, evaluation, layout } = prepared.objective;
    const batches: readonly Batch[] = sequentialBatches({
      lengths: evaluation.lengths,
      batchSize: options.evalBatchSize,
    });
    const costs = await shapeCosts(
      batches,
      (shape) =>
        prefix === undefined
          ? specialize(forward, { dims: extentsOf(layout, shape), variables: new Set() })
          : prefix.cut.logitsAbove(shape),
      this.#speeds.graph,
      this.#run.environment,
      this.#noneKept,
    );
    this.evaluationMs = costs.compileMs + times * sum(batches.map(costs.msOf));
  }
}

function wholeTensors(names: readonly string[]): Selection {
  return new Map(names.map((name): [string, Indices] => [name, 'all']));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
