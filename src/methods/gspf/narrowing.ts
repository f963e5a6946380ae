import { z } from 'zod';
import type { Run } from '../../training/run.ts';
import type { Chooser, Reach } from './choose.ts';
import { placeOf } from './frontier.ts';
import type { Statistics } from './statistics.ts';

/** From when on the warm-up measured nothing below a layer. */
export interface Narrowed {
  readonly afterBatches: number;
  /** The lowest place that was still measured, a layer from 0 or its half; the number of layers for what follows the last. */
  readonly layer: number;
  /** What below it was among the best of twice the budget, as a share of the budget. */
  readonly reach: number;
}

/** A weight that is to be selected must be among so many times the budget by now. */
const TIMES = 2;

/**
 * Where the warm-up may end its backward pass: at the lowest layer such that all below it hold no more than a share
 * `most` of the budget, among the best of {@link TIMES} the budget. To bring more into the selection than that, weights
 * would have to overtake as many others as are selected.
 *
 * @returns the layer, and what lies below; undefined where no layer has a candidate
 */
export function narrowed(
  { byDepth, budget }: Reach,
  most: number,
): Omit<Narrowed, 'afterBatches'> | undefined {
  const depths = [...byDepth].sort(([a], [b]) => a - b);
  let below = 0;
  for (const [layer, candidates] of depths) {
    if (below + candidates > most * budget) return { layer, reach: below / budget };
    below += candidates;
  }
  return undefined;
}

/** Lets the warm-up measure less as it learns where the selection will be (`warmup.narrow`). */
export class Narrowing {
  readonly #run: Run;
  readonly #eligible: readonly string[];
  readonly #chooser: Chooser;
  readonly #steps: Narrowed[] = [];

  constructor(run: Run, eligible: readonly string[], chooser: Chooser) {
    this.#run = run;
    this.#eligible = eligible;
    this.#chooser = chooser;
  }

  /** Where it narrowed, in order; what a checkpoint keeps. */
  get steps(): readonly Narrowed[] {
    return this.#steps;
  }

  /** Names of the tensors that are still measured, in tensor order. */
  get tensors(): readonly string[] {
    const layer = this.#steps.at(-1)?.layer;
    if (layer === undefined) return this.#eligible;
    return this.#eligible.filter((name) => this.#chooser.depths.of(name) >= layer);
  }

  /** Whether, after so many batches, fewer {@link tensors} are to be measured than before. */
  async reached(statistics: Statistics | null, batches: number): Promise<boolean> {
    const { warmup } = this.#run.options;
    if (warmup.narrow === null || batches % warmup.checkEvery !== 0) return false;
    const initial = await this.#run.referenceWeights(this.#chooser.tensors);
    const found = narrowed(this.#chooser.reach(statistics, initial, TIMES), warmup.narrow);
    const { layers } = this.#chooser.depths;
    if (found === undefined || found.layer <= (this.#steps.at(-1)?.layer ?? -1)) return false;
    this.#steps.push({ afterBatches: batches, ...found });
    this.#run.note(
      `After ${batches} batches nothing below ${placeOf(found.layer, layers)} is measured any more: it holds ${(100 * found.reach).toFixed(1)} % of the budget among the best of twice the budget (warmup.narrow).`,
    );
    return true;
  }

  /** Takes over the steps of a checkpoint. */
  restore(steps: readonly Narrowed[]): void {
    this.#steps.push(...steps);
  }
}

/** What is kept of {@link Narrowing.steps}. */
export const narrowedSteps: z.ZodType<Narrowed[]> = z.array(
  z.object({ afterBatches: z.number(), layer: z.number(), reach: z.number() }),
);
