import type { MemoryReport } from '../measure/memory.ts';
import type { FrontierReport } from '../methods/gspf/choose-frontier.ts';
import type { Narrowed } from '../methods/gspf/narrowing.ts';
import type { Selected } from '../methods/gspf/select.ts';
import type { Moments } from '../methods/gspf/statistics.ts';
import type { ModelOrigin } from '../models/text-model.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { FrozenProof } from './frozen.ts';
import type { Evaluation } from './observer.ts';
import type { PrefixReport } from './open-prefix.ts';

/** What one phase of a run did and took. */
export interface PhaseReport {
  readonly phase: 'prepare' | 'warmup' | 'select' | 'train' | 'finish';
  readonly epochs: number;
  readonly steps: number;
  readonly elapsedMs: number;
  /** Of that, evaluations. */
  readonly evaluationMs: number;
  /** Highest resident memory of the process by the end of the phase, in bytes. */
  readonly peakRssBytes: number;
  /** The same by what holds it. */
  readonly memory: MemoryReport;
}

/** How the trained weights were chosen. */
export interface SelectionReport extends Omit<Selected, 'selection'> {
  /** μ and σ of the sensitivities, per tensor where the scores are normalised so; null where unused. */
  readonly normalization: Moments | Readonly<Record<string, Moments>> | null;
  /** Under `select.frontier: auto`, the first selection's: those that follow keep to it. Null otherwise. */
  readonly frontier: FrontierReport | null;
  /** Batches behind the sensitivities. */
  readonly batches: number;
  /** Where the warm-up stopped measuring lower layers (`warmup.narrow`). */
  readonly narrowed: readonly Narrowed[];
  /** The epoch after which it was chosen. */
  readonly afterEpoch: number;
  /** Weights that were not selected before. */
  readonly entered: number;
}

/** Everything about a run but where and when it ran: `run.json` adds that. */
export interface RunReport {
  readonly options: ResolvedTrainOptions;
  readonly model: {
    readonly name: string;
    /** Where its files were; null for a model that had none. */
    readonly origin: ModelOrigin | null;
    readonly baseSha256: string;
    readonly parameters: number;
  };
  readonly task: {
    readonly name: string;
    readonly labels: readonly string[];
    readonly trainExamples: number;
    readonly evaluationExamples: number;
    /** SHA-256 over each half's examples: which rows they were. */
    readonly trainSha256: string;
    readonly evaluationSha256: string;
    readonly maxLength: number;
  };
  readonly runtime: string;
  readonly phases: readonly PhaseReport[];
  /** The first selection, then one for each refinement; empty for full fine-tuning. */
  readonly selections: readonly SelectionReport[];
  /** The part that no trained weight enters, if its outputs were kept; null if not. */
  readonly prefix: PrefixReport | null;
  readonly evaluations: readonly Evaluation[];
  /** The scores that count: those of the last epoch. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly primaryMetric: string;
  /** Weights trained at the end, weights ever trained, and their share of all. */
  readonly active: number;
  readonly cumulative: number;
  readonly activeShare: number;
  readonly cumulativeShare: number;
  readonly frozen: FrozenProof;
  readonly notes: readonly string[];
  readonly elapsedMs: number;
  readonly peakRssBytes: number;
}
