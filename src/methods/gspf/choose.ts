import type { Tensor } from '../../tensor.ts';
import type { Weights } from '../../training/batch-gradients.ts';
import type { Run } from '../../training/run.ts';
import type { Selection } from '../selection.ts';
import { under } from '../selection-tensors.ts';
import { type KeptScores, keepScores, mixScores, readScores } from './mix.ts';
import { createScores, type Scorer, type Scores } from './scores.ts';
import { type Selected, select } from './select.ts';
import type { Statistics } from './statistics.ts';

/** A selection with what lies behind it. */
export interface Choice extends Selected {
  readonly normalization: Scores['normalization'];
}

/** Phase 2, and its repetition at each refinement: scores every eligible weight and takes the best within the budget. */
export class Chooser {
  readonly #run: Run;
  readonly #tensors: readonly string[];
  /** P. */
  readonly eligibleWeights: number;
  /** S̃ of the last choice, mixed with those before; kept only where there will be a next one. */
  #kept: KeptScores | undefined;
  #round = 0;

  /**
   * @param tensors Names of the tensors to choose from, in tensor order.
   * @param eligibleWeights P: the weights of these tensors, and those that only the frontier leaves out.
   */
  constructor(run: Run, tensors: readonly string[], eligibleWeights: number) {
    this.#run = run;
    this.#tensors = tensors;
    this.eligibleWeights = eligibleWeights;
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
    if (refine.every === 0) return { ...this.#select(scorer), normalization };
    if (this.#kept === undefined) this.#kept = keepScores(this.#run.sizes(this.#tensors), scorer, 'float64');
    else mixScores(this.#kept, scorer, refine.alpha);
    return { ...this.#select(readScores(this.#kept)), normalization };
  }

  /** What would be chosen first if the statistics stayed as they are; leaves no trace. */
  preview(statistics: Statistics | null, initial: Weights): Selection {
    return this.#select(this.#scores(statistics, initial).scorer).selection;
  }

  /** The scores kept for the next choice, for a checkpoint, as float64 tensors `kept/<name>`. */
  capture(): [string, Tensor][] {
    return [...(this.#kept ?? [])].flatMap(([name, data]) =>
      data instanceof Float64Array
        ? [[`kept/${name}`, { dtype: 'float64', shape: [data.length], data }]]
        : [],
    );
  }

  /** Takes over what {@link capture} gave, after so many choices. */
  restore(tensors: ReadonlyMap<string, Tensor>, round: number): void {
    this.#round = round;
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

  #select(scorer: Scorer): Selected {
    const { options, prepared } = this.#run;
    const tensors = this.#tensors.map((name) => ({ name, shape: prepared.weights.get(name)?.shape ?? [] }));
    const head = prepared.head.filter((name) => this.#tensors.includes(name));
    return select(tensors, head, scorer, options.select, this.eligibleWeights);
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
