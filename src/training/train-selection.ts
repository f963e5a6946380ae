import { count, type Selection } from '../methods/selection.ts';
import { type AdamWState, adamwStep, createAdamWState, decays } from '../optim/adamw.ts';
import { clipFactor, globalNorm } from '../optim/clip.ts';
import { schedule } from '../optim/schedule.ts';
import type { Run } from './run.ts';

/** Which batches to train on: from batch `skip` of epoch `from` to the end of epoch `to`; epochs count from 1. */
export interface TrainingSpan {
  readonly from: number;
  readonly to: number;
  /** Batches of the first epoch that are left out. */
  readonly skip: number;
}

/** The number of steps of a span. */
export function countSteps({ from, to, skip }: TrainingSpan, stepsPerEpoch: number): number {
  return (to - from + 1) * stepsPerEpoch - skip;
}

/**
 * Trains the selected weights with AdamW, and scores after each epoch. Weights outside the selection are neither
 * computed a gradient for nor written.
 */
export async function trainSelection(run: Run, selection: Selection, span: TrainingSpan): Promise<void> {
  const { options, prepared } = run;
  const { beta1, beta2, epsilon, weightDecay } = options.adamw;
  const steps = countSteps(span, run.stepsPerEpoch);
  const factor = schedule(options.schedule, steps);
  const gradients = run.gradients(selection);
  const states = new Map<string, AdamWState>();
  for (const [name, indices] of selection) {
    const size = prepared.weights.get(name)?.data.length ?? 0;
    states.set(name, createAdamWState(count(indices, size)));
  }

  let step = 0;
  const update = (): { lr: number; gradNorm: number } => {
    const lr = options.lr * factor(step++);
    const gradNorm = globalNorm(gradients.gradients.values());
    const scale = clipFactor(gradNorm, options.clipNorm);
    for (const [name, indices] of selection) {
      const tensor = prepared.weights.get(name);
      const state = states.get(name);
      const gradient = gradients.gradients.get(name);
      if (tensor === undefined || state === undefined || gradient === undefined) continue;
      const decay = decays(tensor.shape) ? weightDecay : 0;
      adamwStep(tensor.data, indices, gradient, state, { lr, beta1, beta2, epsilon, decay, scale });
    }
    return { lr, gradNorm };
  };
  for (let epoch = span.from; epoch <= span.to; epoch++) {
    const batches = run.batches(epoch).slice(epoch === span.from ? span.skip : 0);
    for (const batch of batches) await run.step('train', epoch, batch, gradients, update);
    await run.evaluate(epoch);
  }
  await gradients.release();
}
