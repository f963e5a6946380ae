import type { TextModel } from '../../models/text-model.ts';
import { ActiveSet } from '../../training/active-set.ts';
import type { MethodResult } from '../../training/method.ts';
import type { Run, TrainingBatch } from '../../training/run.ts';
import type { SelectionReport } from '../../training/run-report.ts';
import { countSteps, trainEpochs } from '../../training/train-epochs.ts';
import { countAll, difference, type Selection, union } from '../selection.ts';
import { type Choice, Chooser, rollBack } from './choose.ts';
import { eligibleTensors } from './eligible.ts';
import { emptyStatistics, measureBatch } from './measure.ts';
import type { Statistics } from './statistics.ts';
import { spanAfterWarmup, warmUp, warmupBatches } from './warmup.ts';

/**
 * Gradient-Surgical fine-tuning: measures every eligible weight's sensitivity, selects the best, trains only those
 * (the paper's Algorithm 1), and reselects after every `refine.every` epochs.
 */
export async function gspf(
  run: Run,
  zeroGradient: TextModel['encoder']['zeroGradient'],
): Promise<MethodResult> {
  const { options, prepared } = run;
  const eligible = eligibleTensors([...prepared.weights.keys()], prepared.head, options.select, zeroGradient);
  const span = spanAfterWarmup(run);
  run.steps = warmupBatches(run) + countSteps(span, run.stepsPerEpoch);
  const statistics = await warmUp(run, eligible);
  run.endPhase('warmup', options.warmup.epochs, warmupBatches(run));

  const chooser = new Chooser(run, eligible);
  const first = await chooseFirst(run, chooser, statistics);
  run.endPhase('select', 0, 0);

  const refinement = new Refinement(run, eligible, chooser, first.selection);
  const reports = [reportOf(first, options.warmup.epochs, warmupBatches(run), first.selected)];
  await trainEpochs(run, refinement.active, span, {
    onGradients: (batch) => refinement.listen(batch),
    onEpochEnd: async (epoch) => {
      const report = await refinement.after(epoch);
      if (report !== undefined) reports.push(report);
    },
  });
  run.endPhase('train', span.to - span.from + 1, countSteps(span, run.stepsPerEpoch));
  const moved = options.warmup.commit === 'keep' && options.warmup.update === 'sgd';
  return {
    selection: refinement.active.selection,
    changed: moved ? new Map(eligible.map((name) => [name, 'all'])) : refinement.changed,
    everSelected: refinement.everSelected,
    selections: reports,
  };
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

/** Reselects while training (the paper's dynamic refinement). */
class Refinement {
  readonly active: ActiveSet;
  /** Weights that were selected at any time. */
  everSelected: Selection;
  readonly #run: Run;
  readonly #eligible: readonly string[];
  readonly #chooser: Chooser;
  #listening: Statistics | null;
  #batches = 0;

  constructor(run: Run, eligible: readonly string[], chooser: Chooser, first: Selection) {
    const { every, source } = run.options.refine;
    const listens = every > 0 && source === 'dense';
    this.#run = run;
    this.#eligible = eligible;
    this.#chooser = chooser;
    this.#listening = listens ? emptyStatistics(run, eligible) : null;
    this.everSelected = first;
    this.active = new ActiveSet(run, first, listens ? eligible : null);
  }

  /** Weights that differ from θ⁰: with `refine.dropped: revert` those selected now, else all that ever were. */
  get changed(): Selection {
    return this.#run.options.refine.dropped === 'revert' ? this.active.selection : this.everSelected;
  }

  /** Adds the training batch at hand, for `refine.source: dense`. */
  async listen(batch: TrainingBatch): Promise<void> {
    if (this.#listening === null) return;
    this.#batches += 1;
    await measureBatch(this.#run, batch, this.active.gradients, this.#listening);
  }

  /** Reselects after epoch e where e mod R = 0 and e < 0.8·E. */
  async after(epoch: number): Promise<SelectionReport | undefined> {
    const { refine, epochs } = this.#run.options;
    if (refine.every === 0 || epoch % refine.every !== 0 || 5 * epoch >= 4 * epochs) return undefined;
    const statistics = this.#listening ?? (await this.#probe(epoch + 1));
    const initial = await this.#run.prepared.readInitial();
    const choice = this.#chooser.choose(statistics, initial);
    const sizes = this.#run.sizes(this.#eligible);
    const before = this.active.selection;
    const entered = countAll(difference(choice.selection, before, sizes), sizes);
    if (refine.dropped === 'revert') this.#revert(difference(before, choice.selection, sizes), initial);
    this.everSelected = union(this.everSelected, choice.selection, sizes);
    await this.active.replace(choice.selection);
    const report = reportOf(choice, epoch, this.#batches, entered);
    this.#batches = 0;
    if (this.#listening !== null) this.#listening = emptyStatistics(this.#run, this.#eligible);
    return report;
  }

  /** The first batches of the coming epoch, measured without an update. */
  async #probe(epoch: number): Promise<Statistics | null> {
    const statistics = emptyStatistics(this.#run, this.#eligible);
    const gradients = this.#run.gradients(new Map(this.#eligible.map((name) => [name, 'all'])));
    for (const batch of this.#run.batches(epoch).slice(0, this.#run.options.refine.probeBatches)) {
      await this.#run.computeGradients(batch, gradients);
      await measureBatch(this.#run, batch, gradients, statistics);
      this.#batches += 1;
    }
    await gradients.release();
    return statistics;
  }

  #revert(dropped: Selection, initial: ReadonlyMap<string, { readonly data: Float32Array }>): void {
    for (const [name, indices] of dropped) {
      const pretrained = initial.get(name)?.data;
      const data = this.#run.dataOf(name);
      if (pretrained === undefined) continue;
      if (indices === 'all') data.set(pretrained);
      else for (const index of indices) data[index] = pretrained[index] ?? 0;
    }
  }
}

function reportOf(choice: Choice, afterEpoch: number, batches: number, entered: number): SelectionReport {
  const { selection: _, ...rest } = choice;
  return { ...rest, afterEpoch, batches, entered };
}
