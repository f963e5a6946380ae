import { ActiveSet } from '../training/active-set.ts';
import type { MethodResult } from '../training/method.ts';
import type { Run } from '../training/run.ts';
import { countSteps, trainEpochs } from '../training/train-epochs.ts';
import type { Selection } from './selection.ts';

/** Full fine-tuning: every weight is trained in every epoch. */
export async function full(run: Run): Promise<MethodResult> {
  const selection: Selection = new Map([...run.prepared.weights.keys()].map((name) => [name, 'all']));
  const span = { from: 1, to: run.options.epochs, skip: 0 };
  const steps = countSteps(span, run.stepsPerEpoch);
  run.steps = steps;
  await trainEpochs(run, new ActiveSet(run, selection), span);
  run.endPhase('train', run.options.epochs, steps);
  return { selection, changed: selection, everSelected: selection, selections: [] };
}
