import { schedule } from '../optim/schedule.ts';
import type { WeightAverage } from '../optim/weight-average.ts';
import type { BatchGradients } from './batch-gradients.ts';
import type { TrainingBatch } from './batch-parts.ts';
import type { Gradient } from './gradient.ts';
import type { Capture, Run } from './run.ts';

/** Which batches to train on: from batch `skip` of epoch `from` to the end of epoch `to`; epochs count from 1. */
export interface TrainingSpan {
  readonly from: number;
  readonly to: number;
  /** Batches of the first epoch that are left out. */
  readonly skip: number;
}

/** A place in a span: so many batches of an epoch are done. */
export interface TrainingPosition {
  readonly epoch: number;
  readonly batch: number;
}

/** Weights in training. */
export interface Trained {
  /** Where the gradients of the last batch are. */
  readonly gradients: BatchGradients;
  /** The averages that are scored and kept in place of the weights; null: the weights themselves are. */
  readonly average: WeightAverage | null;
  /** Trains by gradients as they come, before {@link update}; undefined where that needs all of them. */
  readonly updateBy?: ((gradients: ReadonlyMap<string, Gradient>, lr: number) => void) | undefined;
  /**
   * One step of the optimiser by the gradients of the last batch; none where their norm is not finite.
   *
   * @returns the norm of the gradients before clipping
   */
  update(lr: number): number;
  release(): Promise<void>;
}

/** What a method does beside the updates. */
export interface TrainingHooks {
  /** What a checkpoint must hold beside the position. */
  readonly capture: () => Pick<Capture, 'method' | 'tensors'>;
  /** Called after the gradients of a batch are there, before they are used. */
  readonly onGradients?: ((batch: TrainingBatch) => Promise<void>) | undefined;
  /** Called after an epoch and its evaluation. */
  readonly onEpochEnd?: ((epoch: number) => Promise<void>) | undefined;
}

/** The number of steps of a span. */
export function countSteps({ from, to, skip }: TrainingSpan, stepsPerEpoch: number): number {
  return (to - from + 1) * stepsPerEpoch - skip;
}

/**
 * Trains the active weights with AdamW, scores after each epoch, and ends with the weights that are to be kept. Other
 * weights are neither computed a gradient for nor written.
 *
 * @param start Where to begin: after what a checkpoint has done already.
 */
export async function trainEpochs(
  run: Run,
  active: Trained,
  span: TrainingSpan,
  { capture, onGradients, onEpochEnd }: TrainingHooks,
  start: TrainingPosition = { epoch: span.from, batch: span.skip },
): Promise<void> {
  const factor = schedule(run.options.schedule, countSteps(span, run.stepsPerEpoch));
  let step = (start.epoch - span.from) * run.stepsPerEpoch + start.batch - span.skip;
  const take = (batch: TrainingBatch): Promise<void> => {
    const lr = run.options.lr * factor(step++);
    const update = async (): Promise<{ lr: number; gradNorm: number }> => {
      await onGradients?.(batch);
      return { lr, gradNorm: active.update(lr) };
    };
    const by = active.updateBy && ((some: ReadonlyMap<string, Gradient>) => active.updateBy?.(some, lr));
    return run.step('train', batch, active.gradients, update, by);
  };
  const at = (epoch: number, batch: number) => (): Capture => ({
    phase: 'train',
    epoch,
    batch,
    ...capture(),
  });
  run.environment.reclaim?.();
  for (let epoch = start.epoch; epoch <= span.to; epoch++) {
    const done = epoch === start.epoch ? start.batch : 0;
    for (const batch of run.batches(epoch).slice(done)) {
      await take(batch);
      await run.settle(at(epoch, batch.number + 1));
    }
    // No step follows: the memory of the graphs of training is free for the evaluation.
    if (epoch === span.to) await active.release();
    active.average?.swap();
    await run.evaluate(epoch);
    active.average?.swap();
    await onEpochEnd?.(epoch);
    await run.settle(at(epoch + 1, 0), true);
  }
  // A refinement after the last epoch may have run some once more.
  await active.release();
  active.average?.swap();
}
