import type { Checkpoint } from '../../training/checkpoint.ts';
import type { MethodResult } from '../../training/method.ts';
import type { Run } from '../../training/run.ts';
import { countSteps, trainEpochs } from '../../training/train-epochs.ts';
import { chooseFirst, type Field, openField } from './first-choice.ts';
import { Refinement, reportOf } from './refinement.ts';
import { spanAfterWarmup, warmupBatches } from './warmup.ts';

/**
 * Gradient-Surgical fine-tuning: measures every eligible weight's sensitivity, selects the best, trains only those
 * (the paper's Algorithm 1), and reselects after every `refine.every` epochs.
 *
 * @param checkpoint Where to go on from.
 */
export async function gspf(run: Run, checkpoint?: Checkpoint): Promise<MethodResult> {
  const { warmup } = run.options;
  const field = openField(run);
  run.steps = warmupBatches(run) + countSteps(spanAfterWarmup(run, warmupBatches(run)), run.stepsPerEpoch);
  const resumed = checkpoint?.progress.phase === 'train' ? checkpoint : undefined;
  const refinement =
    resumed === undefined
      ? await beginRefinement(run, field, checkpoint)
      : await Refinement.restore(run, field.tensors, field.chooser, resumed);
  const span = spanAfterWarmup(run, refinement.measured);
  run.steps = refinement.measured + countSteps(span, run.stepsPerEpoch);
  if (resumed === undefined) {
    await run.settle(
      () => ({ phase: 'train', epoch: span.from, batch: span.skip, ...refinement.capture() }),
      true,
    );
  }
  await trainEpochs(
    run,
    refinement.active,
    span,
    {
      capture: () => refinement.capture(),
      onGradients: (batch) => refinement.listen(batch),
      onEpochEnd: (epoch) => refinement.after(epoch),
    },
    resumed?.progress,
  );
  run.endPhase('train', span.to - span.from + 1, countSteps(span, run.stepsPerEpoch));
  const moved = warmup.commit === 'keep' && warmup.update === 'sgd';
  return {
    selection: refinement.active.selection,
    changed: moved ? new Map(field.tensors.map((name) => [name, 'all'])) : refinement.changed,
    everSelected: refinement.everSelected,
    selections: refinement.reports,
  };
}

/** Phases 1 and 2. */
async function beginRefinement(
  run: Run,
  field: Field,
  checkpoint: Checkpoint | undefined,
): Promise<Refinement> {
  const { choice, batches } = await chooseFirst(run, field, checkpoint);
  const report = reportOf(choice, run.options.warmup.epochs, batches, choice.selected);
  return Refinement.begin(run, field.tensors, field.chooser, {
    first: choice.selection,
    reports: [report],
    measured: batches,
  });
}
