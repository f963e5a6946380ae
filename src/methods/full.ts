import type { Checkpoint } from '../training/checkpoint.ts';
import type { MethodResult } from '../training/method.ts';
import type { Run } from '../training/run.ts';
import { countSteps, trainEpochs } from '../training/train-epochs.ts';
import { WholeSet } from '../training/whole-set.ts';
import type { Selection } from './selection.ts';

/**
 * Full fine-tuning: every weight is trained in every epoch.
 *
 * @param checkpoint Where to go on from.
 */
export async function full(run: Run, checkpoint?: Checkpoint): Promise<MethodResult> {
  const selection: Selection = new Map([...run.prepared.weights.keys()].map((name) => [name, 'all']));
  const span = { from: 1, to: run.options.epochs, skip: 0 };
  const steps = countSteps(span, run.stepsPerEpoch);
  run.steps = steps;
  const whole = new WholeSet(run);
  if (checkpoint !== undefined) whole.restore(checkpoint.tensors);
  const capture = () => ({ method: {}, tensors: whole.capture() });
  await trainEpochs(run, whole, span, { capture }, checkpoint?.progress);
  run.endPhase('train', run.options.epochs, steps);
  return { selection, changed: selection, everSelected: selection, selections: [] };
}
