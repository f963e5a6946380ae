import { ActiveSet } from '../training/active-set.ts';
import type { Checkpoint } from '../training/checkpoint.ts';
import type { MethodResult } from '../training/method.ts';
import type { Run } from '../training/run.ts';
import { countSteps, trainEpochs } from '../training/train-epochs.ts';
import type { Selection } from './selection.ts';
import { floatTensors, restoreFloats } from './selection-tensors.ts';

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
  const active = new ActiveSet(run, selection);
  if (checkpoint !== undefined) {
    restoreFloats('weight', checkpoint.tensors, (name) => run.dataOf(name));
    active.restore(checkpoint.tensors);
  }
  const weights = [...run.prepared.weights].map(([name, { data }]) => [name, data] as const);
  const capture = () => ({
    method: {},
    tensors: new Map([...floatTensors('weight', weights), ...active.capture()]),
  });
  await trainEpochs(run, active, span, { capture }, checkpoint?.progress);
  run.endPhase('train', run.options.epochs, steps);
  return { selection, changed: selection, everSelected: selection, selections: [] };
}
