import { operationsByDepth } from '../../lowering/flops.ts';
import { extentsOf } from '../../objectives/objective.ts';
import type { SelectOptions } from '../../options/options.ts';
import { specialize } from '../../specialize/specialize.ts';
import type { Tensor } from '../../tensor.ts';
import type { Weights } from '../../training/batch-gradients.ts';
import type { Run } from '../../training/run.ts';
import type { Selection } from '../selection.ts';
import { under } from '../selection-tensors.ts';
import { chooseFrontier, type FrontierReport, type StepOperations } from './choose-frontier.ts';
import type { Depths } from './frontier.ts';
import { type KeptScores, keepScores, mixScores, readScores } from './mix.ts';
import { createScores, type Scorer, type Scores } from './scores.ts';
import { budgetOf, type EligibleTensor, listFor, type Selected, select } from './select.ts';
import type { Shortlist } from './shortlist.ts';
import type { Statistics } from './statistics.ts';

/** A selection with what lies behind it. */
export interface Choice extends Selected {
  readonly normalization: Scores['normalization'];
  /** Under `select.frontier: auto` the frontier that was chosen; null where it was given. */
  readonly frontier: FrontierReport | null;
}

/** Who could still enter a selection. */
export interface Reach {
  /** Weights by depth, −1 and up, among the best of some multiple of the budget; none of a depth without any. */
  readonly byDepth: ReadonlyMap<number, number>;
  /** max(1, ⌊ratio · P⌋), the budget itself. */
  readonly budget: number;
}

/** What a chooser chooses from. */
export interface ChooserField {
  /** Names of the tensors to choose from, in tensor order. */
  readonly tensors: readonly string[];
  /** P: the weights of these tensors, and those that only the frontier leaves out. */
  readonly eligibleWeights: number;
  readonly depths: Depths;
}

/** Texts and positions of the batch that frontiers are weighed by; layers compare alike at others. */
const NOMINAL = { batch: 8, sequence: 128 };

/** Phase 2, and its repetition at each refinement: scores every eligible weight and takes the best within the budget. */
export class Chooser {
  readonly #run: Run;
  /** Of the model's weights. */
  readonly depths: Depths;
  #tensors: readonly string[];
  /** P. */
  readonly eligibleWeights: number;
  /** S̃ of the last choice, mixed with those before; kept only where there will be a next one. */
  #kept: KeptScores | undefined;
  #round = 0;

  constructor(run: Run, { tensors, eligibleWeights, depths }: ChooserField) {
    this.#run = run;
    this.#tensors = tensors;
    this.depths = depths;
    this.eligibleWeights = eligibleWeights;
  }

  /**
   * Names of the tensors that are chosen from, in tensor order. The first choice under `select.frontier: auto` leaves
   * out those below its frontier, for good.
   */
  get tensors(): readonly string[] {
    return this.#tensors;
  }

  /**
   * Chooses by fresh statistics, from the second time on mixed with the scores before:
   * S̃ ← α·S̃_prev + (1 − α)·S̃_current.
   *
   * @param initial θ⁰.
   */
  choose(statistics: Statistics | null, initial: Weights): Choice {
    const { refine } = this.#run.options;
    const { scorer, normalization } = this.#scores(statistics, initial);
    this.#round += 1;
    if (refine.every === 0) return { ...this.#chooseFrom(scorer), normalization };
    if (this.#kept === undefined) this.#kept = keepScores(this.#run.sizes(this.#tensors), scorer, 'float64');
    else mixScores(this.#kept, scorer, refine.alpha);
    return { ...this.#chooseFrom(readScores(this.#kept)), normalization };
  }

  /** What would be chosen first if the statistics stayed as they are; leaves no trace. */
  preview(statistics: Statistics | null, initial: Weights): Selection {
    return this.#select(this.#scores(statistics, initial).scorer).selection;
  }

  /** What would be chosen with a budget so many times as large, wherever the frontier; leaves no trace. */
  reach(statistics: Statistics | null, initial: Weights, times: number): Reach {
    const { select } = this.#run.options;
    const ratio = Math.min(1, times * select.ratio);
    const { scorer } = this.#scores(statistics, initial);
    const { perTensor } = this.#selectFrom(this.#eligible, scorer, { ...select, ratio });
    const byDepth = new Map<number, number>();
    for (const [name, number] of Object.entries(perTensor)) {
      const depth = this.depths.of(name);
      byDepth.set(depth, (byDepth.get(depth) ?? 0) + number);
    }
    return { byDepth, budget: budgetOf(select.ratio, this.eligibleWeights) };
  }

  /** The scores kept for the next choice, for a checkpoint, as float64 tensors `kept/<name>`. */
  capture(): [string, Tensor][] {
    return [...(this.#kept ?? [])].flatMap(([name, data]) =>
      data instanceof Float64Array
        ? [[`kept/${name}`, { dtype: 'float64', shape: [data.length], data }]]
        : [],
    );
  }

  /** Takes over what {@link capture} gave, after so many choices, the first with this frontier. */
  restore(tensors: ReadonlyMap<string, Tensor>, round: number, frontier: FrontierReport | null): void {
    this.#round = round;
    this.#leaveBelow(frontier);
    const kept = under('kept', tensors).flatMap(([name, { data }]) =>
      data instanceof Float64Array ? [[name, data.slice()] as const] : [],
    );
    if (kept.length > 0) this.#kept = new Map(kept);
  }

  #scores(statistics: Statistics | null, initial: Weights): Scores {
    const { options, prepared } = this.#run;
    return createScores(options.score, {
      statistics,
      current: dataOf(prepared.weights),
      pretrained: dataOf(initial),
      sizes: this.#run.sizes([...prepared.weights.keys()]),
      seed: options.seed,
      round: this.#round,
    });
  }

  /** Chooses, and from then on only above the frontier of the first choice. */
  #chooseFrom(scorer: Scorer): Selected & { readonly frontier: FrontierReport | null } {
    const { frontier, ...selected } = this.#select(scorer);
    this.#leaveBelow(frontier);
    return { ...selected, frontier };
  }

  #leaveBelow(frontier: FrontierReport | null): void {
    const layer = frontier?.layer ?? null;
    if (layer === null) return;
    this.#tensors = this.#tensors.filter((name) => this.depths.of(name) >= layer);
    this.#kept = this.#kept && new Map([...this.#kept].filter(([name]) => this.#tensors.includes(name)));
  }

  #select(scorer: Scorer): Selected & { readonly frontier: FrontierReport | null } {
    const { select } = this.#run.options;
    const tensors = this.#eligible;
    const isOpen = select.frontier === 'auto' && this.#round <= 1;
    if (!isOpen) return { ...this.#selectFrom(tensors, scorer, select), frontier: null };
    const whole = new Set(select.head === 'always' ? this.#head : []);
    const { of } = this.depths;
    const topFirst = tensors.filter(({ name }) => !whole.has(name)).sort((a, b) => of(b.name) - of(a.name));
    // Shares of a budget hide where the score mass lies: frontiers are weighed by the best weights of all.
    const best: SelectOptions = { ...select, scope: 'global', granularity: 'element' };
    const listed = listFor(topFirst, scorer, best, this.eligibleWeights);
    const { selected, frontier } = chooseFrontier({
      tensors,
      whole,
      depths: this.depths,
      operations: this.#operations(),
      leastMass: select.frontierMass,
      selectFrom: (some) => this.#selectFrom(some, scorer, best, listed),
    });
    if (select.scope === best.scope && select.granularity === best.granularity)
      return { ...selected, frontier };
    const lowest = frontier.layer ?? Number.NEGATIVE_INFINITY;
    const above = tensors.filter(({ name }) => of(name) >= lowest);
    return { ...this.#selectFrom(above, scorer, select), frontier };
  }

  get #eligible(): readonly EligibleTensor[] {
    const { weights } = this.#run.prepared;
    return this.#tensors.map((name) => ({ name, shape: weights.get(name)?.shape ?? [] }));
  }

  get #head(): readonly string[] {
    return this.#run.prepared.head.filter((name) => this.#tensors.includes(name));
  }

  #selectFrom(
    tensors: readonly EligibleTensor[],
    scorer: Scorer,
    options: SelectOptions,
    listed?: Shortlist | null,
  ): Selected {
    return select(tensors, this.#head, scorer, options, this.eligibleWeights, listed);
  }

  #operations(): StepOperations {
    const { objective, withLoss, weights, maxLength } = this.#run.prepared;
    const { batch } = NOMINAL;
    const sequence = Math.min(NOMINAL.sequence, maxLength);
    const dims = extentsOf(objective.layout, { batch, sequence });
    const graph = specialize(withLoss, { dims, variables: new Set() });
    const { of } = this.depths;
    const forward = operationsByDepth(graph, (name) => (weights.has(name) ? of(name) : undefined));
    const { epochs, prefix } = this.#run.options;
    const isCached = prefix.cache !== 'off' && prefix.dropout !== 'on' && objective.train.texts !== undefined;
    return { forward, tokens: batch * sequence, prefixShare: isCached ? 1 / epochs : 1 };
  }
}

function dataOf(weights: Weights): Map<string, Float32Array> {
  return new Map([...weights].map(([name, { data }]) => [name, data]));
}

/**
 * Returns every weight outside the selection to θ⁰; selected ones keep their warmed value
 * (`warmup.commit: rollback`).
 */
export function rollBack(weights: Weights, initial: Weights, selected: Selected['selection']): void {
  for (const [name, { data }] of weights) {
    const indices = selected.get(name);
    const pretrained = initial.get(name)?.data;
    if (indices === 'all' || pretrained === undefined) continue;
    const warmed = Float32Array.from(indices ?? [], (index) => data[index] ?? 0);
    data.set(pretrained);
    indices?.forEach((index, j) => {
      data[index] = warmed[j] ?? 0;
    });
  }
}
