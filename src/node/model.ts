import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { ConfusionMatrix } from '../metrics/classification.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import { LoadedWeights } from '../models/loaded-weights.ts';
import type { HeadKind } from '../models/model-with-head.ts';
import { classifierGraph } from '../models/sequence-classification.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { TextModel } from '../models/text-model.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import type { QuestionAnswer } from '../objectives/best-spans.ts';
import { softmax } from '../objectives/losses.ts';
import type { LogitsLayout } from '../objectives/objective.ts';
import { objectiveOf } from '../objectives/objective-of.ts';
import { answersOf, spanGraph, spanLayout, windowsOf } from '../objectives/question-answering.ts';
import { applyPatch } from '../patch/apply.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { QuestionExample } from '../tasks/question-answering.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import { Predictor } from '../training/predictor.ts';
import { nodeEnvironment } from './environment.ts';
import type { LocateOptions } from './locate-model.ts';
import type { DirectoryModel } from './model-directory.ts';
import { openModel } from './open-model.ts';
import { kindOfPatch } from './task-kind.ts';

/** A text, or a pair of texts. */
export type TextInput = string | readonly [text: string, textPair: string];

/** What a classifier says of one text. */
export interface Classification {
  /** The most probable label. */
  readonly label: string;
  /** Its probability. */
  readonly score: number;
  /** The probability of every label. */
  readonly scores: Readonly<Record<string, number>>;
}

/** A question on a text. */
export interface Question {
  readonly question: string;
  readonly context: string;
}

/** A forward graph, to be made if it is not there yet. */
interface Form {
  readonly key: string;
  readonly graph: () => Graph;
  readonly layout: LogitsLayout;
}

/** How a model fares on a task's evaluation half. */
export interface DetailedEvaluation {
  /** The task's, as fractions, and the mean `loss`. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Of a classification, over the task's labels. */
  readonly confusion: ConfusionMatrix | undefined;
}

/** Where a model is looked for, and how it is computed with. */
export interface LoadModelOptions extends LocateOptions {
  /** Threads for one operator; by default one for each physical core. */
  readonly threads?: number | undefined;
}

/**
 * Opens a pretrained model: a Hugging Face directory, or a model of the hub by its id, `org/name[@revision]`, which is
 * downloaded where the hub's cache does not have it. A directory of the same name comes first.
 *
 * @throws `input/missing-file`, `input/model`, `input/tokenizer` for what is missing or does not fit; `input/hub-*` and
 *   `hub/*` for what does not come from the hub.
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  const { threads } = options;
  return new Model(await openModel(path, options), undefined, nodeEnvironment({ threads }));
}

/** What the models that differ by patches alone have in common. */
interface Shared {
  weights?: Promise<LoadedWeights>;
  /** Compiled forward graphs by what they are. */
  readonly predictors: Map<string, Predictor>;
}

/** A pretrained model, with a patch on it or without. */
export class Model implements TextModel {
  readonly base: DirectoryModel;
  readonly patch: Patch | undefined;
  readonly environment: Environment;
  readonly #shared: Shared;

  constructor(
    base: DirectoryModel,
    patch: Patch | undefined,
    environment: Environment,
    shared: Shared = { predictors: new Map() },
  ) {
    this.base = base;
    this.patch = patch;
    this.environment = environment;
    this.#shared = shared;
  }

  get name(): string {
    return this.base.name;
  }

  get origin(): DirectoryModel['origin'] {
    return this.base.origin;
  }

  get encoder(): TextEncoder {
    return this.base.encoder;
  }

  get tokenizer(): TextTokenizer {
    return this.base.tokenizer;
  }

  get spanTokenizer(): DirectoryModel['spanTokenizer'] {
    return this.base.spanTokenizer;
  }

  /** What its head is for; undefined for a base model. */
  get kind(): HeadKind | undefined {
    const { base, patch } = this;
    return (patch && kindOfPatch(patch.metadata)) ?? base.kind;
  }

  get labels(): readonly string[] | undefined {
    const labels = this.patch?.metadata.id2label ?? [];
    return labels.length > 0 ? labels : this.base.labels;
  }

  get maxLength(): number | undefined {
    return this.patch === undefined
      ? this.base.maxLength
      : lengthSchema.parse(this.patch.metadata.extra['max_length']);
  }

  /**
   * The same model with a patch on it instead. Both share the weights in memory: to go from one to the other takes
   * milliseconds.
   */
  with(patch: Patch): Model {
    return new Model(this.base, patch, this.environment, this.#shared);
  }

  /** Its tensors in the base's element types, read anew. @throws `input/patch-base` where the patch is for another model. */
  async readTensors(): Promise<Map<string, Tensor<WeightType>>> {
    const tensors = await this.base.readTensors();
    if (this.patch === undefined) return tensors;
    const { createSha256 } = this.environment;
    const patched = applyPatch(tensors, this.patch, { createSha256 }).tensors;
    return new Map([...patched].map(([name, tensor]) => [name, requireWeight(tensor, name)]));
  }

  /**
   * The most probable label of each text.
   *
   * @throws `input/model` for a model without classifier.
   */
  async classify(inputs: readonly TextInput[], batchSize = 32): Promise<readonly Classification[]> {
    const labels = this.requireLabels();
    const texts = inputs.map((input) =>
      typeof input === 'string' ? this.#encode(input, undefined) : this.#encode(...input),
    );
    const width = labels.length;
    const form: Form = {
      key: `text-classification ${width}`,
      graph: () => classifierGraph(this.encoder, width),
      layout: { of: 'text', width },
    };
    const logits = await this.#logits(texts, form, batchSize);
    return logits.map(softmax).map((probabilities) => {
      const best = probabilities.indexOf(Math.max(...probabilities));
      const scores = Object.fromEntries(labels.map((label, i) => [label, probabilities[i] ?? 0]));
      return { label: labels[best] ?? '', score: probabilities[best] ?? 0, scores };
    });
  }

  /**
   * The number of each text.
   *
   * @throws `input/model` for a model that does not predict numbers.
   */
  async regress(
    inputs: readonly TextInput[],
    batchSize = 32,
  ): Promise<readonly { readonly value: number }[]> {
    this.requireKind('text-regression');
    const texts = inputs.map((input) =>
      typeof input === 'string' ? this.#encode(input, undefined) : this.#encode(...input),
    );
    const form: Form = {
      key: 'text-regression 1',
      graph: () => classifierGraph(this.encoder, 1),
      layout: { of: 'text', width: 1 },
    };
    const logits = await this.#logits(texts, form, batchSize);
    return logits.map(([value]) => ({ value: value ?? Number.NaN }));
  }

  /**
   * The answer to each question: a part of its context, and the spans that came next.
   *
   * @throws `input/model` for a model that does not answer questions, `input/tokenizer` where its tokens cannot be
   *   followed to the text.
   */
  async answer(questions: readonly Question[], batchSize = 16): Promise<readonly QuestionAnswer[]> {
    this.requireKind('question-answering');
    const examples = questions.map(
      ({ question, context }, i): QuestionExample => ({
        id: `${i}`,
        question,
        context,
        answers: [],
        title: '',
      }),
    );
    const windows = windowsOf(examples, this.spanTokenizer(), this.#longest());
    const form: Form = {
      key: 'question-answering',
      graph: () => spanGraph(this.encoder),
      layout: spanLayout,
    };
    const logits = await this.#logits(
      windows.map(({ input }) => input),
      form,
      batchSize,
    );
    return answersOf(examples, windows, logits, {});
  }

  /** The task's metrics on its evaluation half, as fractions, and the mean `loss`. */
  async evaluate(task: Task, batchSize = 64): Promise<Readonly<Record<string, number>>> {
    return (await this.evaluateInDetail(task, batchSize)).metrics;
  }

  /** The same, and how often which class was taken for which. */
  async evaluateInDetail(task: Task, batchSize = 64): Promise<DetailedEvaluation> {
    if (task.kind === 'text-classification') this.requireLabels();
    else this.requireKind(task.kind);
    const { forward, layout, evaluation, score, confusion } = objectiveOf(task, this, this.#longest());
    const form = { key: `${task.kind} ${layout.width}`, graph: () => forward, layout };
    const logits = await this.#logits(evaluation.texts, form, batchSize);
    return { metrics: score(logits), confusion: confusion?.(logits) };
  }

  /** Frees what the runtime holds for it, and for the models that share its weights. */
  async release(): Promise<void> {
    for (const predictor of this.#shared.predictors.values()) await predictor.release();
    this.#shared.predictors.clear();
    delete this.#shared.weights;
  }

  #encode(text: string, textPair: string | undefined): EncodedText {
    return this.tokenizer.encode(text, textPair, this.#longest());
  }

  #longest(): number {
    return this.maxLength ?? this.encoder.maxPositions;
  }

  async #logits(texts: readonly EncodedText[], form: Form, batchSize: number): Promise<Float32Array[]> {
    this.#shared.weights ??= this.base
      .readTensors()
      .then((tensors) => new LoadedWeights(tensors, this.environment.createSha256));
    const loaded = await this.#shared.weights;
    return loaded.use(this.patch, (weights) => this.#predictor(weights, form).logits(texts, batchSize));
  }

  #predictor(weights: ReadonlyMap<string, Tensor<'float32'>>, { key, graph, layout }: Form): Predictor {
    const existing = this.#shared.predictors.get(key);
    if (existing !== undefined) return existing;
    const { padTokenId, maxPositions: maxLength } = this.encoder;
    const options = { graph: graph(), weights, layout, padTokenId, maxLength };
    const predictor = new Predictor(options, this.environment);
    this.#shared.predictors.set(key, predictor);
    return predictor;
  }

  /** @throws `input/model` for a model whose head is for something else. */
  requireKind(kind: HeadKind): void {
    if (this.kind === kind) return;
    throw new GspfError('input/model', {
      subject: this.name,
      expected: `a model for ${kind}`,
      got: this.kind === undefined ? 'a base model' : `one for ${this.kind}`,
      hint: 'Give the patch of a run on such a task (--patch), or train one with gspf train.',
    });
  }

  /** The labels that it tells apart. @throws `input/model` for a model without classifier. */
  requireLabels(): readonly string[] {
    const { labels } = this;
    if (labels !== undefined) return labels;
    throw new GspfError('input/model', {
      subject: this.name,
      expected: 'a classifier with label names',
      got: 'a base model',
      hint: 'Give the patch of a fine-tuning run (--patch), or train one with gspf train.',
    });
  }
}

const lengthSchema = z.coerce.number().int().positive().optional().catch(undefined);
