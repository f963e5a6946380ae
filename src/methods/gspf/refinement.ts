import { z } from 'zod';
import { ActiveSet } from '../../training/active-set.ts';
import type { TrainingBatch } from '../../training/batch-parts.ts';
import type { Checkpoint } from '../../training/checkpoint.ts';
import type { Gradient } from '../../training/gradient.ts';
import type { Capture, Run } from '../../training/run.ts';
import type { SelectionReport } from '../../training/run-report.ts';
import { countAll, difference, type Indices, type Selection, union } from '../selection.ts';
import { floatTensors, readSelection, restoreFloats, selectionTensors, under } from '../selection-tensors.ts';
import type { Choice, Chooser } from './choose.ts';
import {
  addGradients,
  addsAsTheyCome,
  emptyStatistics,
  gradientsToMeasure,
  measureBatch,
} from './measure.ts';
import type { Statistics } from './statistics.ts';

/** How a refinement begins: after the first selection. */
interface Start {
  readonly first: Selection;
  readonly reports: readonly SelectionReport[];
  /** Batches of the warm-up. */
  readonly measured: number;
}

/** The selection in training, which changes from time to time (the paper's dynamic refinement). */
export class Refinement {
  readonly active: ActiveSet;
  readonly measured: number;
  /** How the selections came about. */
  readonly reports: SelectionReport[];
  /** Weights that were selected at any time. */
  everSelected: Selection;
  readonly #run: Run;
  /** Tensors that the warm-up measured, and moved. */
  readonly #eligible: readonly string[];
  readonly #chooser: Chooser;
  /** Sums over the training batches since the last choice, for `refine.source: dense`. */
  #listening: Statistics | null;
  #batches = 0;

  private constructor(
    run: Run,
    eligible: readonly string[],
    chooser: Chooser,
    { first, reports, measured }: Start,
  ) {
    const { every, source } = run.options.refine;
    const listens = every > 0 && source === 'dense';
    this.#run = run;
    this.#eligible = eligible;
    this.#chooser = chooser;
    this.#listening = listens ? emptyStatistics(run, chooser.tensors) : null;
    this.measured = measured;
    this.reports = [...reports];
    this.everSelected = first;
    this.active = new ActiveSet(run, first, listens ? chooser.tensors : null);
  }

  /** A refinement that starts with its first selection. */
  static async begin(
    run: Run,
    eligible: readonly string[],
    chooser: Chooser,
    start: Start,
  ): Promise<Refinement> {
    // Later selections are made from the same tensors, so that the prefix stays what it is.
    await run.usePrefix(run.options.refine.every > 0 ? chooser.tensors : [...start.first.keys()]);
    return new Refinement(run, eligible, chooser, start);
  }

  /** A refinement under way, as {@link capture} kept it; puts the weights back too. */
  static async restore(
    run: Run,
    eligible: readonly string[],
    chooser: Chooser,
    { progress, tensors }: Checkpoint,
  ): Promise<Refinement> {
    const { reports, measured, batches } = refinementState.parse(progress.method);
    chooser.restore(tensors, reports.length, reports[0]?.frontier ?? null);
    const first = readSelection('selected', tensors);
    const refinement = await Refinement.begin(run, eligible, chooser, { first, reports, measured });
    refinement.active.restore(tensors);
    refinement.everSelected = readSelection('ever', tensors);
    refinement.#batches = batches;
    restoreFloats('weight', tensors, (name) => run.dataOf(name));
    for (const [name, { data }] of under('values', tensors)) {
      const indices = refinement.everSelected.get(name);
      if (indices instanceof Int32Array && data instanceof Float32Array) {
        const weights = run.dataOf(name);
        indices.forEach((index, j) => {
          weights[index] = data[j] ?? 0;
        });
      }
    }
    restoreFloats('sum', tensors, (name) => {
      const running = refinement.#listening?.tensors.get(name);
      if (running === undefined) return undefined;
      running.batches = batches;
      return running.sum instanceof Float32Array ? running.sum : undefined;
    });
    return refinement;
  }

  /** What a checkpoint needs beside the position: the weights that may have changed, and all that is known of them. */
  capture(): Pick<Capture, 'method' | 'tensors'> {
    const { warmup } = this.#run.options;
    const dense = warmup.commit === 'keep' && warmup.update === 'sgd';
    const whole = dense
      ? this.#eligible
      : [...this.everSelected].flatMap(([name, i]) => (i === 'all' ? [name] : []));
    const partly = dense ? [] : [...this.everSelected];
    const sums = [...(this.#listening?.tensors ?? [])];
    const tensors = new Map([
      ...selectionTensors('ever', this.everSelected),
      ...floatTensors(
        'weight',
        whole.map((name) => [name, this.#run.dataOf(name)] as const),
      ),
      ...floatTensors(
        'values',
        partly.flatMap(([name, indices]) => this.#valuesAt(name, indices)),
      ),
      ...floatTensors(
        'sum',
        sums.flatMap(([name, { sum }]) => (sum instanceof Float32Array ? [[name, sum] as const] : [])),
      ),
      ...this.active.capture(),
      ...this.#chooser.capture(),
    ]);
    return { method: { reports: this.reports, measured: this.measured, batches: this.#batches }, tensors };
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
  async after(epoch: number): Promise<void> {
    const { refine, epochs } = this.#run.options;
    if (refine.every === 0 || epoch % refine.every !== 0 || 5 * epoch >= 4 * epochs) return;
    const statistics = this.#listening ?? (await this.#probe(epoch + 1));
    const before = this.active.selection;
    const names = new Set([...this.#chooser.tensors, ...before.keys()]);
    const initial = await this.#run.prepared.readInitial(names);
    const choice = this.#chooser.choose(statistics, initial);
    const sizes = this.#run.sizes(this.#chooser.tensors);
    const entered = countAll(difference(choice.selection, before, sizes), sizes);
    if (refine.dropped === 'revert') this.#revert(difference(before, choice.selection, sizes), initial);
    this.everSelected = union(this.everSelected, choice.selection, sizes);
    await this.active.replace(choice.selection);
    this.reports.push(reportOf(choice, epoch, this.#batches, entered));
    this.#batches = 0;
    if (this.#listening !== null) this.#listening = emptyStatistics(this.#run, this.#chooser.tensors);
  }

  /** The first batches of the coming epoch, measured without an update. */
  async #probe(epoch: number): Promise<Statistics | null> {
    const run = this.#run;
    const { tensors } = this.#chooser;
    const statistics = emptyStatistics(run, tensors);
    const asTheyCome = addsAsTheyCome(run);
    const use = async (some: ReadonlyMap<string, Gradient>): Promise<void> => addGradients(statistics, some);
    for (const gradients of gradientsToMeasure(run, [tensors])) {
      for (const batch of run.batches(epoch).slice(0, run.options.refine.probeBatches)) {
        await run.computeGradients(batch, gradients, asTheyCome ? use : undefined);
        if (!asTheyCome) await measureBatch(run, batch, gradients, statistics);
        this.#batches += 1;
      }
      await gradients.release();
    }
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

  #valuesAt(name: string, indices: Indices): [string, Float32Array][] {
    if (indices === 'all') return [];
    const data = this.#run.dataOf(name);
    return [[name, Float32Array.from(indices, (index) => data[index] ?? 0)]];
  }
}

/** A choice as `run.json` tells it. */
export function reportOf(
  choice: Choice,
  afterEpoch: number,
  batches: number,
  entered: number,
  narrowed: SelectionReport['narrowed'] = [],
): SelectionReport {
  const { selection: _, ...rest } = choice;
  return { ...rest, afterEpoch, batches, narrowed, entered };
}

const refinementState = z.object({
  reports: z.array(z.custom<SelectionReport>((value) => typeof value === 'object' && value !== null)),
  measured: z.number(),
  batches: z.number(),
});
