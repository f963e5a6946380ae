import { z } from 'zod';
import { sgdStep } from '../../optim/sgd.ts';
import type { Tensor } from '../../tensor.ts';
import type { BatchGradients } from '../../training/batch-gradients.ts';
import type { Checkpoint } from '../../training/checkpoint.ts';
import { type Gradient, stretchesOf } from '../../training/gradient.ts';
import type { Run } from '../../training/run.ts';
import type { TrainingSpan } from '../../training/train-epochs.ts';
import { countAll, difference, type Selection, type Sizes, union } from '../selection.ts';
import { floatTensors, readSelection, restoreFloats, selectionTensors } from '../selection-tensors.ts';
import type { Chooser } from './choose.ts';
import {
  addGradients,
  addsAsTheyCome,
  emptyStatistics,
  gradientsToMeasure,
  measureBatch,
} from './measure.ts';
import { type Narrowed, Narrowing, narrowedSteps } from './narrowing.ts';
import { sliceTensors } from './slices.ts';
import { bytesOfSums, type Statistics } from './statistics.ts';

/** What the warm-up measured. */
export interface Measured {
  /** What the score kind needs; null where it needs nothing. */
  readonly statistics: Statistics | null;
  readonly batches: number;
  /** Where it stopped measuring lower layers. */
  readonly narrowed: readonly Narrowed[];
}

/**
 * Phase 1: the running sum of every eligible weight's gradient over the first epochs' batches, at weights that
 * plain gradient descent moves meanwhile (`warmup.update: sgd`: θ ← θ − η·g).
 *
 * @param eligible Names of the tensors to measure, in tensor order.
 * @param chooser Tells what would be selected, for `warmup.stopWhenStable`.
 * @param checkpoint Where to go on from.
 */
export async function warmUp(
  run: Run,
  eligible: readonly string[],
  chooser: Chooser,
  checkpoint?: Checkpoint,
): Promise<Measured> {
  const { epochs, update, lr: ownLr } = run.options.warmup;
  const lr = update === 'none' ? 0 : (ownLr ?? run.options.lr);
  const statistics = emptyStatistics(run, eligible);
  run.memory.note('optimizer', statistics === null ? 0 : bytesOfSums(statistics));
  const stability = new Stability(run, eligible, chooser);
  const narrowing = new Narrowing(run, eligible, chooser);
  let { batches, stable } = { batches: 0, stable: false };
  if (checkpoint !== undefined) {
    const state = restore(run, statistics, checkpoint);
    ({ batches, stable } = state);
    narrowing.restore(state.narrowed);
    stability.restore(checkpoint);
  }

  const asTheyCome = addsAsTheyCome(run);
  let measuring = openGradients(run, narrowing.tensors);
  const limit = warmupBatches(run);
  const start = checkpoint?.progress ?? { epoch: 1, batch: 0 };
  for (let epoch = start.epoch; epoch <= epochs && !stable; epoch++) {
    for (const batch of run.batches(epoch).slice(epoch === start.epoch ? start.batch : 0)) {
      const gradients = measuring[batches % measuring.length];
      if (batches === limit || stable || gradients === undefined) break;
      batches += 1;
      const use = (some: ReadonlyMap<string, Gradient>): void => {
        addGradients(statistics, some);
        if (update === 'sgd') descend(run, some, lr);
      };
      const useAll = async (): Promise<void> => {
        await measureBatch(run, batch, gradients, statistics);
        if (update === 'sgd') descend(run, gradients.gradients, lr);
      };
      await run.step(
        'warmup',
        batch,
        gradients,
        async () => {
          if (!asTheyCome) await useAll();
          return { lr, gradNorm: null };
        },
        asTheyCome ? use : undefined,
      );
      stable = await stability.reached(statistics, batches);
      if (!stable && batches < limit && (await narrowing.reached(statistics, batches))) {
        await releaseAll(measuring);
        measuring = openGradients(run, narrowing.tensors);
        run.environment.reclaim?.();
      }
      await run.settle(() => ({
        phase: 'warmup',
        epoch,
        batch: batch.number + 1,
        method: { batches, stable, counts: countsOf(statistics), narrowed: narrowing.steps },
        tensors: captureTensors(run, eligible, statistics, stability),
      }));
    }
  }
  await releaseAll(measuring);
  if (stable) run.note(`The selection is stable: the warm-up ends after ${batches} batches.`);
  return { statistics, batches, narrowed: narrowing.steps };
}

/** Gradients of all the tensors, or of one of `warmup.slices` parts of them at a time. */
function openGradients(run: Run, tensors: readonly string[]): readonly BatchGradients[] {
  const slices = sliceTensors(tensors, run.sizes(tensors), run.options.warmup.slices);
  return gradientsToMeasure(run, slices);
}

async function releaseAll(all: readonly BatchGradients[]): Promise<void> {
  for (const gradients of all) await gradients.release();
}

/** The most batches that the warm-up measures: those of its epochs, cut after `maxBatches`. */
export function warmupBatches(run: Run): number {
  const { epochs, maxBatches } = run.options.warmup;
  return Math.min(epochs * run.stepsPerEpoch, maxBatches ?? Number.POSITIVE_INFINITY);
}

/** Training starts with the epoch after the warm-up's, or under `warmup.rest: train` with the batch after its last. */
export function spanAfterWarmup(run: Run, measured: number): TrainingSpan {
  const { epochs, warmup } = run.options;
  const rest = warmup.rest ?? (warmup.stopWhenStable === null ? 'skip' : 'train');
  if (rest === 'skip') return { from: warmup.epochs + 1, to: epochs, skip: 0 };
  const from = 1 + Math.floor(measured / run.stepsPerEpoch);
  return { from, to: epochs, skip: measured % run.stepsPerEpoch };
}

/** Watches whether the selection still changes (`warmup.stopWhenStable`). */
class Stability {
  readonly #run: Run;
  readonly #sizes: Sizes;
  readonly #chooser: Chooser;
  #last: Selection | undefined;

  constructor(run: Run, eligible: readonly string[], chooser: Chooser) {
    this.#run = run;
    this.#sizes = run.sizes(eligible);
    this.#chooser = chooser;
  }

  /** Whether the Jaccard index of this check's selection and the last one's has come up to the threshold. */
  async reached(statistics: Statistics | null, batches: number): Promise<boolean> {
    const { stopWhenStable, checkEvery } = this.#run.options.warmup;
    if (stopWhenStable === null || batches % checkEvery !== 0) return false;
    const initial = await this.#run.referenceWeights(this.#chooser.tensors);
    const before = this.#last;
    const now = this.#chooser.preview(statistics, initial);
    this.#last = now;
    if (before === undefined) return false;
    const all = countAll(union(before, now, this.#sizes), this.#sizes);
    const entered = countAll(difference(now, before, this.#sizes), this.#sizes);
    const left = countAll(difference(before, now, this.#sizes), this.#sizes);
    return (all - entered - left) / all >= stopWhenStable;
  }

  capture(): ReturnType<typeof selectionTensors> {
    return this.#last === undefined ? [] : selectionTensors('preview', this.#last);
  }

  restore({ tensors }: Checkpoint): void {
    const last = readSelection('preview', tensors);
    if (last.size > 0) this.#last = last;
  }
}

/** Batches behind each tensor's sum. */
function countsOf(statistics: Statistics | null): Record<string, number> {
  return Object.fromEntries([...(statistics?.tensors ?? [])].map(([name, { batches }]) => [name, batches]));
}

/** Sums, and the weights where they move. */
function captureTensors(
  run: Run,
  eligible: readonly string[],
  statistics: Statistics | null,
  stability: Stability,
): ReadonlyMap<string, Tensor> {
  const sums = [...(statistics?.tensors ?? [])].flatMap(([name, { sum }]) =>
    sum instanceof Float32Array ? [[name, sum] as const] : [],
  );
  const moved = run.options.warmup.update === 'sgd' ? eligible : [];
  const weights = moved.map((name) => [name, run.dataOf(name)] as const);
  return new Map([...floatTensors('sum', sums), ...floatTensors('weight', weights), ...stability.capture()]);
}

/** Puts weights and sums back; returns the number of batches behind them, and whether they were enough. */
function restore(
  run: Run,
  statistics: Statistics | null,
  { progress, tensors }: Checkpoint,
): z.infer<typeof warmupState> {
  const state = warmupState.parse(progress.method);
  restoreFloats('weight', tensors, (name) => run.dataOf(name));
  restoreFloats('sum', tensors, (name) => {
    const running = statistics?.tensors.get(name);
    if (running === undefined) return undefined;
    running.batches = state.counts[name] ?? 0;
    return running.sum instanceof Float32Array ? running.sum : undefined;
  });
  return state;
}

const warmupState = z.object({
  batches: z.number(),
  stable: z.boolean(),
  counts: z.record(z.string(), z.number()),
  narrowed: narrowedSteps,
});

function descend(run: Run, gradients: ReadonlyMap<string, Gradient>, lr: number): void {
  const step = { lr, momentum: 0, nesterov: false, decay: 0, scale: 1 };
  for (const [name, gradient] of gradients) {
    const weights = run.dataOf(name);
    for (const { start, values } of stretchesOf(gradient)) {
      sgdStep(weights.subarray(start, start + values.length), 'all', values, null, step);
    }
  }
}
