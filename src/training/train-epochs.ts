import { schedule } from '../optim/schedule.ts';
import type { ActiveSet } from './active-set.ts';
import type { Run, TrainingBatch } from './run.ts';

/** Which batches to train on: from batch `skip` of epoch `from` to the end of epoch `to`; epochs count from 1. */
export interface TrainingSpan {
  readonly from: number;
  readonly to: number;
  /** Batches of the first epoch that are left out. */
  readonly skip: number;
}

/** What a method does beside the updates. */
export interface TrainingHooks {
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
 * Trains the active weights with AdamW, and scores after each epoch. Other weights are neither computed a gradient
 * for nor written.
 */
export async function trainEpochs(
  run: Run,
  active: ActiveSet,
  span: TrainingSpan,
  { onGradients, onEpochEnd }: TrainingHooks = {},
): Promise<void> {
  const factor = schedule(run.options.schedule, countSteps(span, run.stepsPerEpoch));
  let step = 0;
  const update = async (batch: TrainingBatch): Promise<{ lr: number; gradNorm: number }> => {
    await onGradients?.(batch);
    const lr = run.options.lr * factor(step++);
    return { lr, gradNorm: active.update(lr) };
  };
  for (let epoch = span.from; epoch <= span.to; epoch++) {
    const batches = run.batches(epoch).slice(epoch === span.from ? span.skip : 0);
    for (const batch of batches) {
      await run.step('train', batch, active.gradients, () => update(batch));
    }
    await run.evaluate(epoch);
    await onEpochEnd?.(epoch);
  }
  await active.release();
}
