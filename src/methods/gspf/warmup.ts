import { sgdStep } from '../../optim/sgd.ts';
import type { Run } from '../../training/run.ts';
import type { TrainingSpan } from '../../training/train-epochs.ts';
import type { Selection } from '../selection.ts';
import { emptyStatistics, measureBatch } from './measure.ts';
import type { Statistics } from './statistics.ts';

/**
 * Phase 1: the running sum of every eligible weight's gradient over the first epochs' batches, at weights that
 * plain gradient descent moves meanwhile (`warmup.update: sgd`: θ ← θ − η·g).
 *
 * @param eligible Names of the tensors to measure, in tensor order.
 * @returns what the score kind needs, null where it needs nothing
 */
export async function warmUp(run: Run, eligible: readonly string[]): Promise<Statistics | null> {
  const { epochs, update, lr: ownLr } = run.options.warmup;
  const lr = update === 'none' ? 0 : (ownLr ?? run.options.lr);
  const active: Selection = new Map(eligible.map((name) => [name, 'all']));
  const gradients = run.gradients(active);
  const statistics = emptyStatistics(run, eligible);

  let left = warmupBatches(run);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const batch of run.batches(epoch).slice(0, left)) {
      left -= 1;
      await run.step('warmup', batch, gradients, async () => {
        await measureBatch(run, batch, gradients, statistics);
        if (update === 'sgd') descend(run, gradients.gradients, lr);
        return { lr, gradNorm: null };
      });
    }
  }
  await gradients.release();
  return statistics;
}

/** Batches that the warm-up measures: those of its epochs, cut after `maxBatches`. */
export function warmupBatches(run: Run): number {
  const { epochs, maxBatches } = run.options.warmup;
  return Math.min(epochs * run.stepsPerEpoch, maxBatches ?? Number.POSITIVE_INFINITY);
}

/** Training starts with the epoch after the warm-up's, or under `warmup.rest: train` with the batch after its last. */
export function spanAfterWarmup(run: Run): TrainingSpan {
  const { epochs, warmup } = run.options;
  if (warmup.rest === 'skip') return { from: warmup.epochs + 1, to: epochs, skip: 0 };
  const measured = warmupBatches(run);
  const from = 1 + Math.floor(measured / run.stepsPerEpoch);
  return { from, to: epochs, skip: measured % run.stepsPerEpoch };
}

function descend(run: Run, gradients: ReadonlyMap<string, Float32Array>, lr: number): void {
  for (const [name, gradient] of gradients) {
    sgdStep(run.dataOf(name), 'all', gradient, null, {
      lr,
      momentum: 0,
      nesterov: false,
      decay: 0,
      scale: 1,
    });
  }
}
