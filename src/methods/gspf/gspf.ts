import type { Checkpoint } from '../../training/checkpoint.ts';
import type { MethodResult } from '../../training/method.ts';
import type { Run } from '../../training/run.ts';
import { countSteps, type TrainingSpan, trainEpochs } from '../../training/train-epochs.ts';
import type { Selection } from '../selection.ts';
import { chooseFirst, type Field, openField } from './first-choice.ts';
import { Refinement, reportOf } from './refinement.ts';
import { spanAfterWarmup, warmupBatches } from './warmup.ts';

/**
 * Gradient-Surgical fine-tuning: measures every eligible weight's sensitivity, selects the best, trains only those
 * (the paper's Algorithm 1), and reselects after every `refine.every` epochs.
 *
 * @param checkpoint Where to go on from.
 * @param given Weights to train from the first epoch on, instead of measuring and selecting any.
 */
export async function gspf(run: Run, checkpoint?: Checkpoint, given?: Selection): Promise<MethodResult> {
  const { warmup } = run.options;
  const field = openField(run);
  const spanAfter = (measured: number): TrainingSpan =>
    given === undefined ? spanAfterWarmup(run, measured) : { from: 1, to: run.options.epochs, skip: 0 };
  const planned = given === undefined ? warmupBatches(run) : 0;
  run.steps = planned + countSteps(spanAfter(planned), run.stepsPerEpoch);
  const resumed = checkpoint?.progress.phase === 'train' ? checkpoint : undefined;
  const refinement =
    resumed === undefined
      ? await beginRefinement(run, field, checkpoint, given)
      : await Refinement.restore(run, field.tensors, field.chooser, resumed);
  const span = spanAfter(refinement.measured);
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
  const moved = given === undefined && warmup.commit === 'keep' && warmup.update === 'sgd';
  return {
    selection: refinement.active.selection,
    changed: moved ? new Map(field.tensors.map((name) => [name, 'all'])) : refinement.changed,
    everSelected: refinement.everSelected,
    selections: refinement.reports,
  };
}

/** Phases 1 and 2, or what stands in for them. */
async function beginRefinement(
  run: Run,
  field: Field,
  checkpoint: Checkpoint | undefined,
  given: Selection | undefined,
): Promise<Refinement> {
  if (given !== undefined) {
    return Refinement.begin(run, field.tensors, field.chooser, { first: given, reports: [], measured: 0 });
  }
  const { choice, batches, narrowed } = await chooseFirst(run, field, checkpoint);
  const report = reportOf(choice, run.options.warmup.epochs, batches, choice.selected, narrowed);
  return Refinement.begin(run, field.tensors, field.chooser, {
    first: choice.selection,
    reports: [report],
    measured: batches,
  });
}
