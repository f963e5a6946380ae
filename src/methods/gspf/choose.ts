import type { Weights } from '../../training/batch-gradients.ts';
import type { Run } from '../../training/run.ts';
import { createScores, type Scores } from './scores.ts';
import type { Selected } from './select.ts';
import { select } from './select.ts';
import type { Statistics } from './statistics.ts';

/** A selection with what lies behind it. */
export interface Choice extends Selected {
  readonly normalization: Scores['normalization'];
}

/**
 * Phase 2: scores every eligible weight and takes the best within the budget.
 *
 * @param initial θ⁰.
 */
export function choose(
  run: Run,
  eligible: readonly string[],
  statistics: Statistics | null,
  initial: Weights,
): Choice {
  const { options, prepared } = run;
  const { scorer, normalization } = createScores(options.score, {
    statistics,
    current: dataOf(prepared.weights),
    pretrained: dataOf(initial),
    sizes: run.sizes([...prepared.weights.keys()]),
    seed: options.seed,
    round: 0,
  });
  const tensors = eligible.map((name) => ({ name, shape: prepared.weights.get(name)?.shape ?? [] }));
  const head = prepared.head.filter((name) => eligible.includes(name));
  return { ...select(tensors, head, scorer, options.select), normalization };
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
