import type { Checkpoint } from '../../training/checkpoint.ts';
import type { Run } from '../../training/run.ts';
import { type Choice, Chooser, rollBack } from './choose.ts';
import { eligibleTensors } from './eligible.ts';
import { aboveFrontier, layerDepths } from './frontier.ts';
import { frontierNote, remarksOn } from './remarks.ts';
import { scoreTable } from './score-table.ts';
import { type Measured, warmUp } from './warmup.ts';

/** What weights are selected from, and who selects. */
export interface Field {
  /** The tensors that are measured, in tensor order; the frontier `auto` may leave some of them out. */
  readonly tensors: readonly string[];
  readonly chooser: Chooser;
  /** Why each of the model's other weight tensors is none of them. */
  readonly left: ReadonlyMap<string, string>;
}

/**
 * What a run may select from.
 *
 * @throws `usage/option` for globs that match nothing, and where nothing is left.
 */
export function openField(run: Run): Field {
  const { options, prepared } = run;
  const { select } = options;
  const { zeroGradient } = prepared.objective;
  const names = [...prepared.weights.keys()];
  const eligible = eligibleTensors(names, prepared.head, select, zeroGradient);
  const depths = layerDepths(prepared.withLoss, names);
  const tensors = aboveFrontier(eligible, select.frontier, depths);
  const eligibleWeights = [...run.sizes(eligible).values()].reduce((sum, size) => sum + size, 0);
  const reason = (name: string): string => {
    if (eligible.includes(name)) return `below select.frontier (${select.frontier})`;
    if (select.exclude !== 'auto') return 'left out by select.include or select.exclude';
    return zeroGradient.includes(name)
      ? 'its gradient is zero by construction (select.exclude: auto)'
      : 'left out by select.include';
  };
  const left = new Map(names.filter((name) => !tensors.includes(name)).map((name) => [name, reason(name)]));
  return { tensors, chooser: new Chooser(run, { tensors, eligibleWeights, depths }), left };
}

/**
 * Phases 1 and 2: measures, scores and selects for the first time, and puts back what is not selected
 * (`warmup.commit: rollback`).
 *
 * @param checkpoint Where to go on from, within the warm-up.
 * @returns the choice, and how it was measured
 */
export async function chooseFirst(
  run: Run,
  field: Field,
  checkpoint?: Checkpoint,
): Promise<Pick<Measured, 'batches' | 'narrowed'> & { readonly choice: Choice }> {
  const { options, prepared } = run;
  const { tensors, chooser } = field;
  const { statistics, batches, narrowed } = await warmUp(run, tensors, chooser, checkpoint);
  run.endPhase('warmup', options.warmup.epochs, batches);
  run.environment.reclaim?.();
  // θ⁰ is in memory for the length of this function only.
  const initial = await prepared.readInitial(new Set(tensors));
  const choice = chooser.choose(statistics, initial);
  if (choice.frontier !== null) run.note(frontierNote(choice.frontier));
  for (const remark of remarksOn(choice, options.select, statistics)) run.note(remark);
  await run.showScores(() => scoreTable(run, field, statistics, initial));
  if (options.warmup.commit === 'rollback') rollBack(prepared.weights, initial, choice.selection);
  run.endPhase('select', 0, 0);
  return { choice, batches, narrowed };
}
