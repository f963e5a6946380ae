import { GspfError } from '../errors.ts';
import { memoryByCategory } from '../measure/memory.ts';
import { traced } from '../measure/trace.ts';
import type { ScoreTable } from '../methods/gspf/score-table.ts';
import type { Sizes } from '../methods/selection.ts';
import { floatTensors, restoreFloats } from '../methods/selection-tensors.ts';
import type { ResolvedTrainOptions } from '../options/options.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Tensor } from '../tensor.ts';
import type { BatchGradients, OnGradients } from './batch-gradients.ts';
import type { TrainingBatch } from './batch-parts.ts';
import type { Checkpoint, CheckpointProgress } from './checkpoint.ts';
import type { CheckpointKeeper } from './checkpoint-keeper.ts';
import type { Gradient } from './gradient.ts';
import { judgeLosses } from './judge-losses.ts';
import { MemoryLedger } from './memory-ledger.ts';
import { type Evaluation, type Observer, type Phase, throwIfCancelled } from './observer.ts';
import { Passes } from './passes.ts';
import type { Prepared } from './prepare.ts';
import type { PhaseReport } from './run-report.ts';
import { asStored } from './stored-weights.ts';

/** What checkpoints have the running statistics under. */
const STATISTIC = 'statistic';

/** What one step leaves for the progress line. */
interface StepResult {
  readonly lr: number;
  readonly gradNorm: number | null;
}

/** Uses gradients as they come: all of a batch in groups, those of one overwritten by the next. */
export type UseGradients = (gradients: ReadonlyMap<string, Gradient>) => void;

/** What a phase needs to go on from where it is. */
export interface Capture extends Pick<CheckpointProgress, 'phase' | 'epoch' | 'batch' | 'method'> {
  /** Over the memory that training changes. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** A run under way: its data, its options, how far it is. */
export class Run {
  readonly prepared: Prepared;
  readonly options: ResolvedTrainOptions;
  readonly environment: Environment;
  /** What it computes. */
  readonly passes: Passes;
  readonly stepsPerEpoch: number;
  readonly evaluations: Evaluation[] = [];
  readonly notes: string[] = [];
  readonly #observer: Observer;
  readonly #keeper: CheckpointKeeper | undefined;
  #startedAt: number;
  /** What of its memory it knows of. */
  readonly memory: MemoryLedger = new MemoryLedger();
  /** Steps that the whole run will take, known once its method has planned it. */
  steps = 0;
  readonly phases: PhaseReport[] = [];
  #phaseStartedAt: number;
  #evaluationMs = 0;
  #step = 0;
  /** Of the training steps since the run was begun or resumed. */
  readonly #losses: number[] = [];

  constructor(
    prepared: Prepared,
    options: ResolvedTrainOptions,
    environment: Environment,
    observer: Observer,
    startedAt: number,
    keeper?: CheckpointKeeper,
  ) {
    this.prepared = prepared;
    this.options = options;
    this.environment = { ...environment, backend: this.memory.watching(environment.backend) };
    this.stepsPerEpoch = prepared.batches(1).length;
    this.#observer = observer;
    this.#keeper = keeper;
    this.#startedAt = startedAt;
    this.#phaseStartedAt = startedAt;
    this.passes = new Passes(prepared, options, this.environment);
  }

  /** Tells the user something, and the report too. */
  note(sentence: string): void {
    this.notes.push(sentence);
    this.#observer.onNote?.(sentence);
  }

  /** Shows the observer what the selection was made from, if it wants to see it. */
  async showScores(table: () => ScoreTable): Promise<void> {
    await this.#observer.onScores?.(table());
  }

  /** The batches of an epoch (from 1), in an order that follows from the seed. */
  batches(epoch: number): readonly TrainingBatch[] {
    return this.prepared.batches(epoch).map((batch, number) => ({ ...batch, epoch, number }));
  }

  /** Elements of the named tensors. */
  sizes(names: readonly string[]): Sizes {
    return new Map(names.map((name) => [name, this.prepared.weights.get(name)?.data.length ?? 0]));
  }

  /** The values of a weight tensor, where they lie. @throws `graph/invalid` for an unknown name. */
  dataOf(name: string): Float32Array {
    const tensor = this.prepared.weights.get(name);
    if (tensor !== undefined) return tensor.data;
    throw new GspfError('graph/invalid', { subject: `weights "${name}"`, expected: 'a tensor', got: 'none' });
  }

  /** The weights that scores of some tensors refer to (`score.reference`), while the warm-up goes on. */
  async referenceWeights(tensors: readonly string[]): Promise<ReadonlyMap<string, Tensor<'float32'>>> {
    const { weights, readInitial } = this.prepared;
    return this.options.score.reference === 'pretrained' ? await readInitial(new Set(tensors)) : weights;
  }

  /** Lets what none of these tensors enters be computed once from now on ({@link Passes.usePrefix}). */
  async usePrefix(trained: readonly string[]): Promise<void> {
    for (const note of await this.passes.usePrefix(trained)) this.note(note);
  }

  /** Fills `gradients` for a batch, and gives them out as they come. @returns the loss */
  computeGradients(
    batch: TrainingBatch,
    gradients: BatchGradients,
    onGradients?: OnGradients,
  ): Promise<number> {
    return this.passes.compute(batch, gradients, () => throwIfCancelled(this.#observer), onGradients);
  }

  /**
   * Computes loss and gradients of one batch, then lets `update` use them.
   *
   * @param update Returns the gradients' norm; it changes no weight where that is not finite.
   * @param onGradients Uses the gradients before that, group by group, where the loss is finite.
   * @throws `training/diverged` for a loss or norm that is no number, `usage/cancelled` where the observer stops the run.
   */
  step(
    phase: Phase,
    batch: TrainingBatch,
    gradients: BatchGradients,
    update: () => Promise<StepResult>,
    onGradients?: UseGradients,
  ): Promise<void> {
    this.#step += 1;
    return traced(this.environment, 'step', `step ${this.#step}`, () =>
      this.#takeStep(phase, batch, gradients, update, onGradients),
    );
  }

  async #takeStep(
    phase: Phase,
    batch: TrainingBatch,
    gradients: BatchGradients,
    update: () => Promise<StepResult>,
    onGradients: UseGradients | undefined,
  ): Promise<void> {
    const { epoch } = batch;
    const timed = <T>(name: string, work: () => Promise<T>): Promise<T> =>
      traced(this.environment, 'javascript', name, work);
    const check = (loss: number): void => {
      if (!Number.isFinite(loss)) throw this.#diverged(phase, batch, 'a finite loss', loss);
    };
    const use = (some: ReadonlyMap<string, Gradient>, lossOfBatch: number): Promise<void> =>
      timed('use of gradients', async () => {
        check(lossOfBatch);
        onGradients?.(some);
      });
    const loss = await timed('gradients', () => this.computeGradients(batch, gradients, onGradients && use));
    check(loss);
    const { lr, gradNorm } = await timed('update', update);
    const { lengths } = this.prepared.objective.train;
    if (gradNorm !== null && !Number.isFinite(gradNorm)) {
      throw this.#diverged(phase, batch, 'gradients of a finite norm', gradNorm);
    }
    if (phase === 'train') {
      this.#losses.push(loss);
      // A warm-up only measures: its weights go back to what they were.
      for (const [name, { data }] of gradients.moved) this.prepared.statistics.get(name)?.data.set(data);
    }
    this.#observer.onProgress?.({
      phase,
      epoch,
      step: this.#step,
      steps: this.steps,
      loss,
      lr,
      gradNorm,
      tokens: batch.rows.reduce((sum, row) => sum + (lengths[row] ?? 0), 0),
      elapsedMs: this.elapsedMs(),
      rssBytes: this.environment.memory().rssBytes,
    });
    await this.environment.pause();
  }

  #diverged(phase: Phase, { epoch, number, rows }: TrainingBatch, expected: string, got: number): GspfError {
    const kept = this.#keeper?.lastBefore(this.#step);
    const checkpoint =
      kept === undefined ? '' : ` The last good checkpoint, after step ${kept.step}, is in ${kept.place}.`;
    return new GspfError('training/diverged', {
      subject: `step ${this.#step} (${phase}, epoch ${epoch}, batch ${number + 1}, rows ${rows.join(', ')})`,
      expected,
      got: `${got}`,
      hint: `Lower the learning rate (lr), or look for odd texts in these rows.${checkpoint}`,
    });
  }

  /** Says so where the loss of the training steps went nowhere, or up. */
  judgeLosses(): void {
    const judgement = judgeLosses(this.#losses, this.options.lr);
    if (judgement !== undefined) this.note(judgement);
  }

  /**
   * Between two steps: keeps a checkpoint where one is due, then stops where the observer asks for it.
   *
   * @param capture What the phase needs to go on from here; called only when needed.
   * @param always Whether a checkpoint is due whatever the time: at the end of an epoch or phase.
   * @throws `usage/cancelled` where the observer stops the run, after a checkpoint.
   */
  async settle(capture: () => Capture, always = false): Promise<void> {
    const cancelled = this.#observer.signal?.aborted === true;
    await traced(this.environment, 'javascript', 'checkpoint', async () =>
      this.#keeper?.keep(() => this.#checkpoint(capture()), always || cancelled),
    );
    throwIfCancelled(this.#observer);
  }

  #checkpoint({ tensors, ...position }: Capture): Checkpoint {
    const progress = {
      ...position,
      step: this.#step,
      elapsedMs: this.elapsedMs(),
      evaluations: this.evaluations.map(({ epoch, metrics, elapsedMs }) => ({
        epoch,
        metrics: { ...metrics },
        elapsedMs,
      })),
    };
    return { progress, tensors: new Map([...tensors, ...floatTensors(STATISTIC, this.#moving)]) };
  }

  /** The running statistics that training moves. */
  get #moving(): readonly (readonly [string, Float32Array])[] {
    const { statistics } = this.prepared;
    return this.options.bn.train ? [...statistics].map(([name, { data }]) => [name, data] as const) : [];
  }

  /** Takes up a run where a checkpoint left it. */
  resume({ progress, tensors }: Checkpoint): void {
    restoreFloats(STATISTIC, tensors, (name) => this.prepared.statistics.get(name)?.data);
    this.#step = progress.step;
    this.#startedAt = this.environment.now() - progress.elapsedMs;
    this.evaluations.push(...progress.evaluations);
    this.#observer.onResume?.(progress);
  }

  /** Scores the weights as they are on the evaluation half, and records it. */
  evaluate(epoch: number): Promise<Evaluation> {
    return traced(this.environment, 'evaluation', `evaluation ${epoch}`, () => this.#evaluate(epoch));
  }

  async #evaluate(epoch: number): Promise<Evaluation> {
    const { objective, weights, statistics, storedAs } = this.prepared;
    const since = this.environment.now();
    // What the steps fed would lie beside what the evaluation computes.
    this.environment.reclaim?.();
    const stored = new Map([...weights, ...statistics]);
    const logits = await asStored(stored, storedAs, () => this.passes.logits());
    const metrics = objective.score(logits);
    const result = { epoch, metrics, elapsedMs: this.elapsedMs() };
    this.evaluations.push(result);
    this.#evaluationMs += this.environment.now() - since;
    this.#observer.onEvaluation?.(result);
    return result;
  }

  /** Records what the phase that ends now did and took. */
  endPhase(phase: PhaseReport['phase'], epochs: number, steps: number): void {
    const now = this.environment.now();
    const floats = [...this.prepared.weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    const { roundedBytes, prefixReport } = this.passes;
    const prefix = prefixReport?.memoryBytes ?? 0;
    const held = { ...this.memory.take(), weights: floats + roundedBytes, prefix };
    const memory = memoryByCategory(held, this.environment.memory());
    this.phases.push({
      phase,
      epochs,
      steps,
      elapsedMs: now - this.#phaseStartedAt,
      evaluationMs: this.#evaluationMs,
      peakRssBytes: memory.peakRssBytes,
      memory,
    });
    const startMs = this.#phaseStartedAt;
    this.environment.trace?.({ name: phase, kind: 'phase', startMs, durationMs: now - startMs });
    this.#phaseStartedAt = now;
    this.#evaluationMs = 0;
  }

  /** Milliseconds since the run began. */
  elapsedMs(): number {
    return this.environment.now() - this.#startedAt;
  }

  release(): Promise<void> {
    return this.passes.release();
  }
}
