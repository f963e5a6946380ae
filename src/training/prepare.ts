import { type Batch, lengthBucketedBatches } from '../data/batches.ts';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { DropoutSite } from '../models/dropout.ts';
import {
  classifierGraph,
  classifierParameters,
  HEAD_PREFIX,
  withCrossEntropy,
} from '../models/sequence-classification.ts';
import { initialize, type TextModel } from '../models/text-model.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import { baseSha256, type CreateSha256 } from '../patch/hash.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import { type EncodedExamples, encodeExamples } from './encoded-examples.ts';

/** Everything that training needs, in memory. */
export interface Prepared {
  /** The forward graph with the output `logits`, and the same with `loss` too. */
  readonly forward: Graph;
  readonly withLoss: Graph;
  /** Where `withLoss` drops values; empty without dropout. */
  readonly dropoutSites: readonly DropoutSite[];
  readonly labels: number;
  readonly padTokenId: number;
  /** The model's own copy for training: changed in place. */
  readonly weights: Map<string, Tensor<'float32'>>;
  /** Names of the tensors that belong to the head: the classifier, and whatever the base lacks. */
  readonly head: readonly string[];
  /** Names of the tensors that the base lacks. */
  readonly fresh: ReadonlySet<string>;
  /** θ⁰, read anew from where the model lies: base tensors, and the same fresh ones. */
  readonly readInitial: () => Promise<Map<string, Tensor<'float32'>>>;
  /** Hash of the base's own tensors. */
  readonly baseSha256: string;
  readonly train: EncodedExamples;
  /** The batches of an epoch (from 1), in an order that follows from the seed. */
  readonly batches: (epoch: number) => readonly Batch[];
  readonly evaluation: EncodedExamples;
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
  model: TextModel,
  task: Task,
  options: Pick<ResolvedTrainOptions, 'batchSize' | 'dropout' | 'maxLength' | 'seed'>,
  createSha256: CreateSha256,
): Promise<Prepared> {
  const { encoder } = model;
  const { batchSize, seed } = options;
  requireExamples(task);
  const maxLength = options.maxLength === 'auto' ? encoder.maxPositions : options.maxLength;
  if (maxLength > encoder.maxPositions) {
    throw new GspfError('usage/option', {
      subject: 'maxLength',
      expected: `at most ${encoder.maxPositions}, the positions that ${model.name} has`,
      got: `${maxLength}`,
    });
  }
  const parameters = classifierParameters(encoder, task.labels.length);
  const base = await model.readTensors();
  const sha256 = baseSha256(base, createSha256);
  const fits = ({ name, shape }: (typeof parameters)[number]): boolean =>
    `${base.get(name)?.shape}` === `${shape}`;
  const fresh = parameters.filter((parameter) => !fits(parameter));
  const head = parameters
    .map(({ name }) => name)
    .filter((name) => name.startsWith(HEAD_PREFIX) || fresh.some((parameter) => parameter.name === name));
  const complete = (tensors: Map<string, Tensor<'float32'>>): Map<string, Tensor<'float32'>> => {
    for (const [name, tensor] of initialize(fresh, encoder.initializerRange, seed)) {
      tensors.set(name, tensor);
    }
    return tensors;
  };

  const forward = classifierGraph(encoder, task.labels.length);
  const dropoutSites: DropoutSite[] | undefined = options.dropout === 'off' ? undefined : [];
  const train = encodeExamples(task.train, model.tokenizer, maxLength);
  const evaluation = encodeExamples(task.evaluation, model.tokenizer, maxLength);
  const truncated = train.truncated + evaluation.truncated;
  return {
    forward,
    withLoss: withCrossEntropy(classifierGraph(encoder, task.labels.length, dropoutSites)),
    dropoutSites: dropoutSites ?? [],
    labels: task.labels.length,
    padTokenId: encoder.padTokenId,
    weights: complete(base),
    head,
    fresh: new Set(fresh.map(({ name }) => name)),
    readInitial: async () => complete(await model.readTensors()),
    baseSha256: sha256,
    train,
    batches: (epoch) => lengthBucketedBatches({ lengths: train.lengths, batchSize, seed, epoch, maxLength }),
    evaluation,
    maxLength,
    notes: [
      ...(fresh.length === 0
        ? []
        : [`New, drawn from seed ${seed}: ${fresh.map(({ name }) => name).join(', ')}.`]),
      ...(truncated === 0 ? [] : [`${truncated} texts were cut to ${maxLength} tokens.`]),
    ],
  };
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
