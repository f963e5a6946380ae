import type { SparseCosts } from '../lowering/sparse-costs.ts';
import type { LossName } from './loss-names.ts';

/** How weights are trained: a sparse selection of them, or all. */
export type Method = 'gspf' | 'full';

/** Where values that are not given come from. */
export type PresetName = 'paper' | 'tuned';

/** The learning rate over the steps of fine-tuning. */
export interface ScheduleOptions {
  readonly kind: 'linear' | 'cosine' | 'constant';
  readonly warmupRatio: number;
}

/** AdamW's constants. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** Phase 1: what is measured, and what becomes of the weights meanwhile. */
export interface WarmupOptions {
  readonly epochs: number;
  readonly maxBatches: number | null;
  readonly update: 'sgd' | 'none';
  readonly lr: number | null;
  readonly commit: 'rollback' | 'keep';
  readonly stopWhenStable: number | null;
  readonly narrow: number | null;
  readonly checkEvery: number;
  readonly rest: 'skip' | 'train' | null;
  readonly slices: number;
}

/** Phase 2: the importance of a weight. */
export interface ScoreOptions {
  readonly kind:
    | 'gspf'
    | 'gradient'
    | 'fisher'
    | 'snip'
    | 'grasp'
    | 'taylor'
    | 'magnitude'
    | 'relative'
    | 'movement'
    | 'random';
  readonly normalize: 'global' | 'tensor' | 'none';
  readonly negative: 'literal' | 'clamp';
  readonly magnitude: 'tanh' | 'none' | 'inverse';
  readonly reference: 'current' | 'pretrained';
}

/** The units that are selected whole: a weight, or a part of its tensor seen as a matrix. */
export type Granularity = 'element' | 'row' | 'column' | `block:${number}x${number}`;

/** Phase 2: which weights are trained. */
export interface SelectOptions {
  /** Fraction of the eligible weights, above 0 and at most 1. */
  readonly ratio: number;
  readonly include: readonly string[];
  readonly exclude: 'auto' | readonly string[];
  readonly head: 'always' | 'compete';
  readonly headInBudget: boolean;
  readonly scope: 'global' | 'tensor' | 'layer';
  readonly granularity: Granularity;
  /** The lowest layer, counted from 0, that weights are selected in. */
  readonly frontier: 'none' | 'auto' | number;
  /** Least share of the score mass that the frontier `auto` keeps. */
  readonly frontierMass: number;
}

/** Phase 3: selecting anew while training. */
export interface RefineOptions {
  readonly every: number;
  readonly alpha: number;
  readonly source: 'probe' | 'dense';
  readonly probeBatches: number;
  readonly dropped: 'keep' | 'revert';
  readonly enter: 'zero';
}

/** What frozen weights are multiplied in. */
export type PrefixPrecision = 'fp32' | 'int8';

/** The same in a run: one precision for all, or 8 bits for training steps and float32 for scores and the patch's use. */
export type TrainingPrecision = PrefixPrecision | 'int8-training';

/** What lies below the lowest trained weight: the same in every pass. */
export interface PrefixOptions {
  readonly cache: 'auto' | 'off' | 'memory' | 'disk';
  /** Most bytes of it in memory; null: a quarter of what is free. */
  readonly cacheBytes: number | null;
  readonly dropout: 'on' | 'off' | null;
  readonly precision: TrainingPrecision;
}

/** What a run keeps so that it can be resumed. */
export interface CheckpointOptions {
  readonly everySeconds: number;
}

/** What of an ONNX file is trained. */
export interface GraphOptions {
  /** The output that the loss is taken of; null: the only float output, or the one called `logits`. */
  readonly output: string | null;
  /** The value that a new head is put on; null: the model's own head stays. */
  readonly headOn: string | null;
  /** Whether weights that hold equal values are trained as one. */
  readonly tie: boolean;
}

/** What training does with batch normalisations. */
export interface BatchNormOptions {
  /** Whether they normalise by the statistics of the batch and move the running ones, or by those as they are. */
  readonly train: boolean;
}

/** Factors of the classes in the loss of a classification, in the order of the labels. */
export type ClassWeights = 'none' | 'balanced' | readonly number[];

/** Every option of a training run with its value; `docs/options.md` describes each. */
export interface ResolvedTrainOptions {
  readonly preset: PresetName;
  readonly method: Method;
  readonly seed: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Examples that are computed at a time; null: all of a step. */
  readonly microBatch: number | null;
  readonly gradientBytes: number | null;
  readonly evalBatchSize: number;
  readonly maxLength: number | 'auto';
  readonly dropout: 'config' | 'off';
  /** Null: what the task has, or what goes with the targets. */
  readonly loss: LossName | null;
  readonly classWeights: ClassWeights;
  readonly graph: GraphOptions;
  readonly bn: BatchNormOptions;
  readonly lr: number;
  readonly schedule: ScheduleOptions;
  readonly clipNorm: number | null;
  /** What normalised values are multiplied with frozen weights in. */
  readonly forwardPrecision: 'fp32' | 'int8';
  /** What the backward pass multiplies frozen weights in. */
  readonly gradientPrecision: 'fp32' | 'int8';
  /** Of the averages that are kept in place of the trained weights; null: the weights are. */
  readonly emaDecay: number | null;
  readonly adamw: AdamWOptions;
  readonly warmup: WarmupOptions;
  readonly score: ScoreOptions;
  readonly select: SelectOptions;
  readonly refine: RefineOptions;
  readonly prefix: PrefixOptions;
  readonly sparseCosts: SparseCosts;
  readonly checkpoint: CheckpointOptions;
}

/** The options of a training run as a caller gives them: any part of the tree. */
export type TrainOptions = Given<Omit<ResolvedTrainOptions, 'select'>> & {
  readonly select?: GivenSelect | undefined;
};

type GivenSelect = Given<Omit<SelectOptions, 'ratio'>> & {
  /** A fraction, or a percentage such as `0.3%`. */
  readonly ratio?: number | `${number}%` | `${number} %` | undefined;
};

type Given<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Given<T[K]> | undefined }
    : T;
