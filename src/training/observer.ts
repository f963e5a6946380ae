import { GspfError } from '../errors.ts';
import type { ScoreTable } from '../methods/gspf/score-table.ts';
import type { CheckpointProgress } from './checkpoint.ts';

/** What a run is doing: measuring sensitivities, or training the active weights. */
export type Phase = 'warmup' | 'train';

/** One training step; also a line of metrics.jsonl. */
export interface Progress {
  readonly phase: Phase;
  /** From 1. */
  readonly epoch: number;
  /** Steps done, from 1, over both phases. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Mean loss of the batch before the update. */
  readonly loss: number;
  readonly lr: number;
  /** Norm of the active gradients before clipping; null in the warm-up, which does not need it. */
  readonly gradNorm: number | null;
  /** Tokens of the batch, padding left out. */
  readonly tokens: number;
  /** Since the run began. */
  readonly elapsedMs: number;
  readonly rssBytes: number;
}

/** The scores after an epoch; also a line of metrics.jsonl. */
export interface Evaluation {
  readonly epoch: number;
  /** Of the task, as fractions, and the mean `loss`. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
}

/** Who follows a run, and may stop it. */
export interface Observer {
  /** Called after each step. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called after each evaluation. */
  readonly onEvaluation?: ((evaluation: Evaluation) => void) | undefined;
  /** Called once, before the first step of a run that goes on from a checkpoint. */
  readonly onResume?: ((from: CheckpointProgress) => void) | undefined;
  /**
   * Called at the first selection with everything that it was made from. The arrays are the run's own, which changes
   * them once the returned promise is settled.
   */
  readonly onScores?: ((scores: ScoreTable) => Promise<void> | void) | undefined;
  /** Sentences that the user should read. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Stops the run after the step at hand. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws `usage/cancelled` where the observer asked to stop. */
export function throwIfCancelled({ signal }: Observer): void {
  if (signal?.aborted !== true) return;
  throw new GspfError('usage/cancelled', { subject: 'The run was stopped', cause: signal.reason });
}
