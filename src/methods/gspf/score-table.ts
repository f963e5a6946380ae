import type { ScoreOptions, SelectOptions } from '../../options/options.ts';
import type { Shape } from '../../tensor.ts';
import type { Weights } from '../../training/batch-gradients.ts';
import type { Run } from '../../training/run.ts';
import type { Field } from './first-choice.ts';
import type { Statistics } from './statistics.ts';

/** What phase 2 knew of the weights of one tensor. */
export interface ScoredTensor {
  readonly shape: Shape;
  /** The values that enter the score. */
  readonly theta: Float32Array;
  /** Σ of the score kind's measure over the batches; null for a kind without. */
  readonly sum: Float32Array | null;
  readonly batches: number;
}

/** A tensor that nothing could be selected from, and why. */
export interface LeftTensor {
  readonly shape: Shape;
  readonly reason: string;
}

/** Everything that the first selection was made from: enough to make it again, and to explain it. */
export interface ScoreTable {
  readonly score: ScoreOptions;
  readonly select: SelectOptions;
  readonly seed: number;
  /** P. */
  readonly eligibleWeights: number;
  readonly head: readonly string[];
  /** In tensor order. */
  readonly tensors: ReadonlyMap<string, ScoredTensor>;
  readonly left: ReadonlyMap<string, LeftTensor>;
  /** Of `tensors`, those below the frontier that `select.frontier: auto` chose: scored, but left out. */
  readonly below: ReadonlySet<string>;
}

/**
 * The table of a selection that was just made. Its arrays are those of the run, which goes on to change them.
 *
 * @param initial θ⁰.
 */
export function scoreTable(
  run: Run,
  { tensors, chooser, left }: Field,
  statistics: Statistics | null,
  initial: Weights,
): ScoreTable {
  const { options, prepared } = run;
  const theta = options.score.reference === 'current' ? prepared.weights : initial;
  const shapeOf = (name: string): Shape => prepared.weights.get(name)?.shape ?? [];
  return {
    score: options.score,
    select: options.select,
    seed: options.seed,
    eligibleWeights: chooser.eligibleWeights,
    head: prepared.head.filter((name) => tensors.includes(name)),
    tensors: new Map(
      tensors.map((name) => {
        const running = statistics?.tensors.get(name);
        const sum = running?.sum instanceof Float32Array ? running.sum : null;
        const scored: ScoredTensor = {
          shape: shapeOf(name),
          theta: theta.get(name)?.data ?? new Float32Array(0),
          sum,
          batches: running?.batches ?? 0,
        };
        return [name, scored];
      }),
    ),
    below: new Set(tensors.filter((name) => !chooser.tensors.includes(name))),
    left: new Map([...left].map(([name, reason]) => [name, { shape: shapeOf(name), reason }])),
  };
}
