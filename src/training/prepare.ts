import { type Batch, lengthBucketedBatches } from '../data/batches.ts';
import { padTo, runLengths } from '../data/run-lengths.ts';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { normalizedByBatch } from '../imported/running-statistics.ts';
import { onlyOf } from '../models/checkpoint.ts';
import type { DropoutSite } from '../models/dropout.ts';
import { type WeightType, widenAll } from '../models/half-precision.ts';
import { initialize } from '../models/text-model.ts';
import type { Objective } from '../objectives/objective.ts';
import { requireOwnLoss } from '../objectives/own-loss.ts';
import type { TrainableModel } from '../objectives/trainable-model.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { baseSha256, type CreateSha256 } from '../patch/hash.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import { storedTypes } from './stored-weights.ts';

/** Everything that training needs, in memory. */
export interface Prepared {
  readonly objective: Objective;
  /** The objective's graph with `loss`. */
  readonly withLoss: Graph;
  /** Where `withLoss` drops values; empty without dropout. */
  readonly dropoutSites: readonly DropoutSite[];
  readonly padTokenId: number;
  /** The model's own copy for training: changed in place. */
  readonly weights: Map<string, Tensor<'float32'>>;
  /** Running statistics, which `bn.train` moves in place: no weights. */
  readonly statistics: ReadonlyMap<string, Tensor<'float32'>>;
  /** The element types that they are stored in once they are tuned: the base's. */
  readonly storedAs: ReadonlyMap<string, WeightType>;
  /** Names of the tensors that belong to the head, and whatever else the base lacks. */
  readonly head: readonly string[];
  /** Names of the tensors that the base lacks. */
  readonly fresh: ReadonlySet<string>;
  /**
   * θ⁰, read anew from where the model lies: base tensors and running statistics, and the same fresh ones; of some names
   * alone, if given.
   */
  readonly readInitial: (names?: ReadonlySet<string>) => Promise<Map<string, Tensor<'float32'>>>;
  /** Hash of the base's own tensors. */
  readonly baseSha256: string;
  /** The batches of an epoch (from 1), in an order that follows from the seed. */
  readonly batches: (epoch: number) => readonly Batch[];
  readonly maxLength: number;
  /** Sentences to print. */
  readonly notes: readonly string[];
}

/**
 * Reads the weights, makes the head, encodes the data.
 *
 * @throws `input/data` for a task without anything to train or evaluate on, `usage/option` for a maxLength beyond
 *   the model's positions.
 */
export async function prepare(
  model: TrainableModel,
  task: Task,
  options: Pick<
    ResolvedTrainOptions,
    | 'batchSize'
    | 'bn'
    | 'classWeights'
    | 'dropout'
    | 'epochs'
    | 'graph'
    | 'loss'
    | 'maxLength'
    | 'seed'
    | 'select'
  >,
  createSha256: CreateSha256,
): Promise<Prepared> {
  const { maxPositions } = model;
  const { batchSize, epochs, seed } = options;
  requireExamples(task);
  requireOwnLoss(task, options.loss);
  const maxLength = options.maxLength === 'auto' ? maxPositions : options.maxLength;
  if (maxLength > maxPositions) {
    throw new GspfError('usage/option', {
      subject: 'maxLength',
      expected: `at most ${maxPositions}, the positions that ${model.name} has`,
      got: `${maxLength}`,
    });
  }
  const objective = model.objectiveOf(task, maxLength, options);
  const { parameters, statistics = [], train, evaluation } = objective;
  const complete = await model.readTensors();
  const sha256 = baseSha256(complete, createSha256);
  const storedAs = storedTypes(parameters, complete);
  const wanted = new Set(parameters.map(({ name }) => name));
  // A pooler, say, may be none of the tensors that the task's graph reads.
  const base = widenAll(onlyOf(complete, wanted));
  const running = new Set(statistics);
  const fits = ({ name, shape }: (typeof parameters)[number]): boolean =>
    `${base.get(name)?.shape}` === `${shape}`;
  const fresh = parameters.filter((parameter) => !fits(parameter));
  const head = parameters
    .map(({ name }) => name)
    .filter((name) => !model.body.has(name) || fresh.some((parameter) => parameter.name === name));
  const drawn = (names?: ReadonlySet<string>): Map<string, Tensor<'float32'>> =>
    initialize(fresh, model.initializerRange, seed, names);
  const isFresh = new Set(fresh.map(({ name }) => name));
  const initial = new Set([...wanted, ...running]);

  const dropoutSites: DropoutSite[] | undefined = options.dropout === 'off' ? undefined : [];
  const truncated = train.truncated + evaluation.truncated;
  return {
    objective,
    withLoss: options.bn.train
      ? normalizedByBatch(objective.withLoss(dropoutSites), running)
      : objective.withLoss(dropoutSites),
    dropoutSites: dropoutSites ?? [],
    padTokenId: model.padTokenId,
    weights: new Map([...base, ...drawn()]),
    statistics: widenAll(onlyOf(complete, running)),
    storedAs,
    head,
    fresh: isFresh,
    readInitial: async (names = initial) => {
      const held = [...names].filter((name) => initial.has(name) && !isFresh.has(name));
      return new Map([...widenAll(await model.readTensors(new Set(held))), ...drawn(names)]);
    },
    baseSha256: sha256,
    batches: batchesOf({ ...train, batchSize, seed, maxLength }, epochs),
    maxLength,
    notes: [
      ...(fresh.length === 0
        ? []
        : [`New, drawn from seed ${seed}: ${fresh.map(({ name }) => name).join(', ')}.`]),
      ...(options.bn.train
        ? ['Batch normalisations train by the batch; the patch holds their running statistics (bn.train).']
        : []),
      ...(truncated === 0 ? [] : [`${truncated} texts were cut to ${maxLength} tokens.`]),
    ],
  };
}

/** The batches of each epoch, padded to lengths that fit those of the first. */
function batchesOf(
  options: Omit<Parameters<typeof lengthBucketedBatches>[0], 'epoch' | 'padded'>,
  epochs: number,
): Prepared['batches'] {
  const unpadded = lengthBucketedBatches({ ...options, epoch: 1, padded: (longest) => longest });
  const padded = padTo(
    runLengths(
      unpadded.map(({ rows, length }) => ({ rows: rows.length, longest: length })),
      epochs,
    ),
  );
  return (epoch) => lengthBucketedBatches({ ...options, epoch, padded });
}

function requireExamples(task: Task): void {
  for (const [part, examples] of [
    ['train', task.train],
    ['evaluate', task.evaluation],
  ] as const) {
    if (examples.length >= 2) continue;
    throw new GspfError('input/data', {
      subject: `task ${task.name}`,
      expected: `at least 2 examples to ${part} on`,
      got: `${examples.length}`,
    });
  }
}
