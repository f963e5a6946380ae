import { differentiate } from '../autodiff/differentiate.ts';
import { type Batch, sequentialBatches } from '../data/batches.ts';
import type { StaticGraph } from '../graph/graph.ts';
import { openField } from '../methods/gspf/first-choice.ts';
import { spanAfterWarmup, warmupBatches } from '../methods/gspf/warmup.ts';
import { countAll, type Indices, type Selection } from '../methods/selection.ts';
import { LOSS } from '../models/sequence-classification.ts';
import { extentsOf } from '../objectives/objective.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { ResolvedTrainOptions, TrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import type { BatchShape } from '../runtime/shape-cache.ts';
import { specialize } from '../specialize/specialize.ts';
import type { Task } from '../tasks/task.ts';
import { beginRun } from '../training/begin-run.ts';
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
  /** Sums of the warm-up, moments of AdamW. */
  readonly optimizer: number;
  /** Intermediate values of the largest batch. */
  readonly activations: number;
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
  readonly speeds: Speeds;
  readonly notes: readonly string[];
}

const FLOAT_BYTES = 4;
/** A changed weight in a patch: its value, and most gaps between indices in two bytes. */
const PATCH_BYTES = 6;
/** What malloc holds beyond what is asked of it, as a share of the intermediate values. */
const SLACK = 1.15;

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
  const phases = run.options.method === 'full' ? planner.full() : planner.gspf();
  const { evaluationMs } = planner;
  await run.release();
  const selected = planner.selected;
  return {
    options: run.options,
    parameters: planner.parameters,
    selected,
    phases,
    elapsedMs: phases.reduce((sum, { steps, stepMs }) => sum + steps * stepMs, evaluationMs),
    peakBytes: Math.max(...phases.map(({ peakBytes }) => peakBytes)),
    patchBytes: selected * (run.options.method === 'full' ? FLOAT_BYTES : PATCH_BYTES),
    speeds,
    notes: run.notes,
  };
}

class Planner {
  readonly parameters: number;
  selected = 0;
  /** Of all evaluations. */
  evaluationMs = 0;
  readonly #run: Run;
  readonly #process: number;
  readonly #speeds: Speeds;

  constructor(run: Run, process: number, speeds: Speeds) {
    this.#run = run;
    this.#process = process;
    this.#speeds = speeds;
    this.parameters = sum(run.sizes([...run.prepared.weights.keys()]).values());
  }

  full(): readonly PhasePlan[] {
    const { options, stepsPerEpoch, prepared } = this.#run;
    const all: Selection = new Map([...prepared.weights.keys()].map((name) => [name, 'all']));
    const bytes = this.parameters * FLOAT_BYTES;
    const { adamw, sgd, copy } = this.#speeds.update;
    this.selected = this.parameters;
    const phase = this.#phase('train', options.epochs * stepsPerEpoch, all, {
      // The norm of all gradients costs about what a plain update does.
      updateMs: this.parameters * (adamw + sgd + copy),
      memory: { gradients: 2 * bytes, optimizer: 2 * bytes, checkpoint: 3 * bytes },
    });
    this.#evaluate(options.epochs);
    return [phase];
  }

  gspf(): readonly PhasePlan[] {
    const { options, prepared, stepsPerEpoch } = this.#run;
    const { tensors, chooser } = openField(this.#run);
    const { accumulate, sgd, copy, adamw } = this.#speeds.update;
    const measured = sum(this.#run.sizes(tensors).values()) / options.warmup.slices;
    const batches = warmupBatches(this.#run);
    const moved = options.warmup.update === 'sgd';
    const warmup = this.#phase('warmup', batches, wholeTensors(tensors), {
      updateMs: measured * (accumulate + copy + (moved ? sgd : 0)),
      memory: {
        gradients: 2 * measured * FLOAT_BYTES,
        optimizer: measured * options.warmup.slices * FLOAT_BYTES,
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
    const span = spanAfterWarmup(this.#run, batches);
    const train = this.#phase('train', countSteps(span, stepsPerEpoch), selection, {
      updateMs: active * (adamw + sgd + copy),
      memory: {
        gradients: 2 * active * FLOAT_BYTES,
        optimizer: 2 * active * FLOAT_BYTES,
        // θ⁰, read again to prove what is frozen.
        checkpoint: this.parameters * FLOAT_BYTES,
      },
    });
    this.#evaluate(span.to - span.from + 1);
    return [warmup, train];
  }

  #phase(
    phase: PhasePlan['phase'],
    steps: number,
    active: Selection,
    {
      updateMs,
      memory,
    }: { updateMs: number; memory: Pick<MemoryPlan, 'gradients' | 'optimizer' | 'checkpoint'> },
  ): PhasePlan {
    const batches = this.#run.prepared.batches(1);
    const costs = shapeCosts(batches, (shape) => this.#trainingGraph(shape, active), this.#speeds.graph);
    const stepMs = sum(batches.map(costs.msOf)) / batches.length + updateMs;
    const complete: MemoryPlan = {
      process: this.#process,
      weights: this.parameters * FLOAT_BYTES,
      ...memory,
      activations: SLACK * costs.liveBytes,
    };
    return { phase, steps, stepMs, memory: complete, peakBytes: sum(Object.values(complete)) };
  }

  #trainingGraph(shape: BatchShape, active: Selection): StaticGraph {
    const { withLoss, objective } = this.#run.prepared;
    const forward = specialize(withLoss, { dims: extentsOf(objective.layout, shape), variables: new Set() });
    const onlyLoss = { ...forward, outputs: forward.outputs.filter(({ name }) => name === LOSS) };
    const elements = new Map(
      [...active].flatMap(([name, indices]) => (indices === 'all' ? [] : [[name, indices] as const])),
    );
    return differentiate(onlyLoss, { loss: LOSS, wrt: [...active.keys()], elements });
  }

  #evaluate(times: number): void {
    const { prepared, options } = this.#run;
    const { forward, evaluation, layout } = prepared.objective;
    const batches: readonly Batch[] = sequentialBatches({
      lengths: evaluation.lengths,
      batchSize: options.evalBatchSize,
    });
    const costs = shapeCosts(
      batches,
      (shape) => specialize(forward, { dims: extentsOf(layout, shape), variables: new Set() }),
      this.#speeds.graph,
    );
    this.evaluationMs = times * sum(batches.map(costs.msOf));
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
