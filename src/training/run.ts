import { type Batch, countBatches, lengthBucketedBatches } from '../data/batches.ts';
import { GspfError } from '../errors.ts';
import type { Selection, Sizes } from '../methods/selection.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Task } from '../tasks/task.ts';
import { BatchGradients } from './batch-gradients.ts';
import { argmaxRows, Classifier, meanCrossEntropy } from './classifier.ts';
import { batchFeeds, countTokens } from './encoded-examples.ts';
import { type Evaluation, type Observer, type Phase, throwIfCancelled } from './observer.ts';
import type { Prepared } from './prepare.ts';

/** What one step leaves for the progress line. */
interface StepResult {
  readonly lr: number;
  readonly gradNorm: number | null;
}

/** A run under way: its data, its options, how far it is. */
export class Run {
  readonly prepared: Prepared;
  readonly options: ResolvedTrainOptions;
  readonly environment: Environment;
  readonly stepsPerEpoch: number;
  readonly evaluations: Evaluation[] = [];
  readonly notes: string[] = [];
  readonly #task: Task;
  readonly #observer: Observer;
  readonly #startedAt: number;
  readonly #classifier: Classifier;
  /** Steps that the whole run will take, known once its method has planned it. */
  steps = 0;
  /** Time spent on evaluations. */
  evaluationMs = 0;
  #step = 0;

  constructor(
    prepared: Prepared,
    task: Task,
    options: ResolvedTrainOptions,
    environment: Environment,
    observer: Observer,
    startedAt: number,
  ) {
    this.prepared = prepared;
    this.options = options;
    this.environment = environment;
    this.stepsPerEpoch = countBatches(prepared.train.texts.length, options.batchSize);
    this.#task = task;
    this.#observer = observer;
    this.#startedAt = startedAt;
    const { forward: graph, weights, labels, padTokenId } = prepared;
    this.#classifier = new Classifier({ graph, weights, labels, padTokenId }, environment);
  }

  /** Tells the user something, and the report too. */
  note(sentence: string): void {
    this.notes.push(sentence);
    this.#observer.onNote?.(sentence);
  }

  /** The batches of an epoch (from 1), in an order that follows from the seed. */
  batches(epoch: number): readonly Batch[] {
    const { batchSize, seed } = this.options;
    const { lengths } = this.prepared.train;
    return lengthBucketedBatches({ lengths, batchSize, seed, epoch, maxLength: this.prepared.maxLength });
  }

  /** Elements of the named tensors. */
  sizes(names: readonly string[]): Sizes {
    return new Map(names.map((name) => [name, this.prepared.weights.get(name)?.data.length ?? 0]));
  }

  /** Gradients of the loss with respect to the active weights. The caller releases them. */
  gradients(active: Selection): BatchGradients {
    const { withLoss, weights } = this.prepared;
    return new BatchGradients(withLoss, weights, active, this.environment.backend);
  }

  /**
   * Computes loss and gradients of one batch, then lets `update` use them.
   *
   * @throws `training/diverged` for a loss that is no number, `usage/cancelled` where the observer stops the run.
   */
  async step(
    phase: Phase,
    epoch: number,
    batch: Batch,
    gradients: BatchGradients,
    update: () => StepResult,
  ): Promise<void> {
    const { train, padTokenId } = this.prepared;
    const feeds = batchFeeds(batch, train, padTokenId);
    const loss = await gradients.run(feeds, { batch: batch.rows.length, sequence: batch.length });
    this.#step += 1;
    if (!Number.isFinite(loss)) {
      throw new GspfError('training/diverged', {
        subject: `step ${this.#step} (${phase}, epoch ${epoch}, rows ${batch.rows.join(', ')})`,
        expected: 'a finite loss',
        got: `${loss}`,
        hint: 'Lower the learning rate (lr), or look for odd texts in these rows.',
      });
    }
    const { lr, gradNorm } = update();
    this.#observer.onProgress?.({
      phase,
      epoch,
      step: this.#step,
      steps: this.steps,
      loss,
      lr,
      gradNorm,
      tokens: countTokens(batch, train),
      elapsedMs: this.elapsedMs(),
      rssBytes: this.environment.memory().rssBytes,
    });
    await this.environment.pause();
    throwIfCancelled(this.#observer);
  }

  /** Scores the weights as they are on the evaluation half, and records it. */
  async evaluate(epoch: number): Promise<Evaluation> {
    const { evaluation, labels } = this.prepared;
    const since = this.environment.now();
    const logits = await this.#classifier.logits(evaluation.texts, this.options.evalBatchSize);
    const metrics = this.#task.evaluate(argmaxRows(logits, labels), evaluation.labels);
    const loss = meanCrossEntropy(logits, evaluation.labels, labels);
    const result = { epoch, metrics: { ...metrics, loss }, elapsedMs: this.elapsedMs() };
    this.evaluations.push(result);
    this.evaluationMs += this.environment.now() - since;
    this.#observer.onEvaluation?.(result);
    return result;
  }

  /** Milliseconds since the run began. */
  elapsedMs(): number {
    return this.environment.now() - this.#startedAt;
  }

  release(): Promise<void> {
    return this.#classifier.release();
  }
}
