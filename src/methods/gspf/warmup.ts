import { sgdStep } from '../../optim/sgd.ts';
import type { Run } from '../../training/run.ts';
import type { Selection } from '../selection.ts';
import { scoreKinds } from './scores.ts';
import { accumulate, createStatistics, type Statistics } from './statistics.ts';

/**
 * Phase 1: the running sum of every eligible weight's gradient over the first epochs' batches, at weights that
 * plain gradient descent moves meanwhile (`warmup.update: sgd`: θ ← θ − η·g).
 *
 * @param eligible Names of the tensors to measure, in tensor order.
 * @returns what the score kind needs, null where it needs nothing; and the number of batches measured
 */
export async function warmUp(
  run: Run,
  eligible: readonly string[],
): Promise<{ readonly statistics: Statistics | null; readonly batches: number }> {
  const { options, prepared } = run;
  const { epochs, update } = options.warmup;
  const lr = options.warmup.lr ?? options.lr;
  const active: Selection = new Map(eligible.map((name) => [name, 'all']));
  const gradients = run.gradients(active);
  const { measure } = scoreKinds[options.score.kind];
  const statistics = measure === null ? null : createStatistics(measure, run.sizes(eligible));

  const limit = warmupBatches(run);
  let batches = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const batch of run.batches(epoch)) {
      if (batches === limit) break;
      batches += 1;
      await run.step('warmup', epoch, batch, gradients, () => {
        for (const [name, gradient] of gradients.gradients) {
          if (statistics !== null) accumulate(statistics, name, gradient);
          const weights = prepared.weights.get(name)?.data;
          if (update === 'none' || weights === undefined) continue;
          sgdStep(weights, 'all', gradient, null, { lr, momentum: 0, nesterov: false, decay: 0, scale: 1 });
        }
        return { lr: update === 'none' ? 0 : lr, gradNorm: null };
      });
    }
  }
  await gradients.release();
  return { statistics, batches };
}

/** Batches that the warm-up measures: those of its epochs, cut after `maxBatches`. */
export function warmupBatches(run: Run): number {
  const { epochs, maxBatches } = run.options.warmup;
  return Math.min(epochs * run.stepsPerEpoch, maxBatches ?? Number.POSITIVE_INFINITY);
}
