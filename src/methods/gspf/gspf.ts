import type { Checkpoint } from '../../training/checkpoint.ts';
import type { MethodResult } from '../../training/method.ts';
import type { Run } from '../../training/run.ts';
import { countSteps, trainEpochs } from '../../training/train-epochs.ts';
import { type Choice, Chooser, rollBack } from './choose.ts';
import { eligibleTensors } from './eligible.ts';
import { Refinement, reportOf } from './refinement.ts';
import type { Statistics } from './statistics.ts';
import { spanAfterWarmup, warmUp, warmupBatches } from './warmup.ts';

/**
 * Gradient-Surgical fine-tuning: measures every eligible weight's sensitivity, selects the best, trains only those
 * (the paper's Algorithm 1), and reselects after every `refine.every` epochs.
 *
 * @param zeroGradient Tensors whose gradient is zero by construction.
 * @param checkpoint Where to go on from.
 */
export async function gspf(
  run: Run,
  zeroGradient: readonly string[],
  checkpoint?: Checkpoint,
): Promise<MethodResult> {
  const { options, prepared } = run;
  const eligible = eligibleTensors([...prepared.weights.keys()], prepared.head, options.select, zeroGradient);
  const chooser = new Chooser(run, eligible);
  run.steps = warmupBatches(run) + countSteps(spanAfterWarmup(run, warmupBatches(run)), run.stepsPerEpoch);
  const resumed = checkpoint?.progress.phase === 'train' ? checkpoint : undefined;
  const refinement =
    resumed === undefined
      ? await chooseAfterWarmup(run, eligible, chooser, checkpoint)
      : Refinement.restore(run, eligible, chooser, resumed);
  const span = spanAfterWarmup(run, refinement.measured);
  run.steps = refinement.measured + countSteps(span, run.stepsPerEpoch);
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
  const moved = options.warmup.commit === 'keep' && options.warmup.update === 'sgd';
  return {
    selection: refinement.active.selection,
    changed: moved ? new Map(eligible.map((name) => [name, 'all'])) : refinement.changed,
    everSelected: refinement.everSelected,
    selections: refinement.reports,
  };
}

/** Phases 1 and 2. */
async function chooseAfterWarmup(
  run: Run,
  eligible: readonly string[],
  chooser: Chooser,
  checkpoint: Checkpoint | undefined,
): Promise<Refinement> {
  const { statistics, batches } = await warmUp(run, eligible, chooser, checkpoint);
  run.endPhase('warmup', run.options.warmup.epochs, batches);
  const first = await chooseFirst(run, chooser, statistics);
  run.endPhase('select', 0, 0);
  const report = reportOf(first, run.options.warmup.epochs, batches, first.selected);
  return new Refinement(run, eligible, chooser, {
    first: first.selection,
    reports: [report],
    measured: batches,
  });
}

/** Phase 2, after which θ⁰ is out of memory again. */
async function chooseFirst(run: Run, chooser: Chooser, statistics: Statistics | null): Promise<Choice> {
  const { options, prepared } = run;
  const initial = await prepared.readInitial();
  const choice = chooser.choose(statistics, initial);
  if (options.select.headInBudget && choice.head > choice.k) {
    run.note(
      `The head has ${choice.head} weights, more than the budget of ${choice.k}: it is trained whole, and no other weight is. Raise select.ratio, or set select.headInBudget=false.`,
    );
  }
  if (options.warmup.commit === 'rollback') rollBack(prepared.weights, initial, choice.selection);
  return choice;
}
