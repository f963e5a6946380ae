import { z } from 'zod';
import type { ConfusionMatrix } from '../metrics/classification.ts';
import type { WeightType } from '../models/half-precision.ts';
import type { HeadKind } from '../models/model-with-head.ts';
import type { TextEncoder } from '../models/text-encoder.ts';
import type { TextModel } from '../models/text-model.ts';
import type { EncodedText, TextTokenizer } from '../models/tokenizer.ts';
import type { QuestionAnswer } from '../objectives/best-spans.ts';
import { type Classification, classificationOf } from '../objectives/classification.ts';
import { type FilledText, filledTexts, maskPlaces, placeInputs } from '../objectives/filled-masks.ts';
import { type Form, maskForm, questionForm, textForm, tokenForm } from '../objectives/forms.ts';
import { requireMask } from '../objectives/masked-lm.ts';
import { type Features, featuresOf, type Objective } from '../objectives/objective.ts';
import { answersOf, windowsOf } from '../objectives/question-answering.ts';
import { type TaggedText, taggedText, textInWords } from '../objectives/tagged-text.ts';
import type { ObjectiveOptions, TrainableModel } from '../objectives/trainable-model.ts';
import type { PrefixPrecision } from '../options/options.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { QuestionExample } from '../tasks/question-answering.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import type { InputsOf } from '../training/predictor.ts';
import { nodeEnvironment } from './environment.ts';
import type { LocateOptions } from './locate-model.ts';
import type { DirectoryModel } from './model-directory.ts';
import { openModel } from './open-model.ts';
import { PatchedTensors } from './patched-tensors.ts';
import type { RuntimeProfiler } from './profiler.ts';
import { SharedWeights, wrongModel } from './shared-weights.ts';
import { hasLabels, kindOfPatch } from './task-kind.ts';

/** A text, or a pair of texts. */
export type TextInput = string | readonly [text: string, textPair: string];

/** A question on a text. */
export interface Question {
  readonly question: string;
  readonly context: string;
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
  /**
   * What is multiplied by the weights that no weight of a patch comes before; without a patch, by all. By default what the
   * patch was trained with (`prefix.precision`), else `fp32`.
   */
  readonly prefixPrecision?: PrefixPrecision | undefined;
  /** Is told what time is spent on. */
  readonly profiler?: RuntimeProfiler | undefined;
}

/**
 * Opens a pretrained model: a Hugging Face directory, or a model of the hub by its id, `org/name[@revision]`, which is
 * downloaded where the hub's cache does not have it. A directory of the same name comes first.
 *
 * @throws `input/missing-file`, `input/model`, `input/tokenizer` for what is missing or does not fit; `input/hub-*` and
 *   `hub/*` for what does not come from the hub.
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  return modelOf(await openModel(path, options), undefined, options);
}

/** An opened model, with a patch on it or without, to be computed with as the options say. */
export function modelOf(
  base: DirectoryModel,
  patch: Patch | undefined,
  { threads, profiler, prefixPrecision }: LoadModelOptions,
): Model {
  const environment = nodeEnvironment({ threads, profiler });
  const shared = new SharedWeights(() => base.readTensors(), environment, prefixPrecision);
  return new Model(base, patch, environment, shared);
}

/** A pretrained model, with a patch on it or without. */
export class Model implements TextModel, TrainableModel {
  readonly base: DirectoryModel;
  readonly patch: Patch | undefined;
  readonly environment: Environment;
  readonly #shared: SharedWeights;
  readonly #tensors: PatchedTensors;

  constructor(
    base: DirectoryModel,
    patch: Patch | undefined,
    environment: Environment,
    shared: SharedWeights = new SharedWeights(() => base.readTensors(), environment),
  ) {
    this.base = base;
    this.patch = patch;
    this.environment = environment;
    this.#shared = shared;
    this.#tensors = new PatchedTensors((names) => base.readTensors(names), patch, environment.createSha256);
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

  get maxPositions(): number {
    return this.base.maxPositions;
  }

  get padTokenId(): number {
    return this.base.padTokenId;
  }

  get initializerRange(): number {
    return this.base.initializerRange;
  }

  get body(): ReadonlySet<string> {
    return this.base.body;
  }

  objectiveOf(task: Task, maxLength: number, options?: ObjectiveOptions): Objective {
    return this.base.objectiveOf(task, maxLength, options);
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
  readTensors(names?: ReadonlySet<string>): Promise<Map<string, Tensor<WeightType>>> {
    return this.#tensors.read(names);
  }

  /**
   * The most probable label of each text.
   *
   * @throws `input/model` for a model without classifier.
   */
  async classify(inputs: readonly TextInput[], batchSize = 32): Promise<readonly Classification[]> {
    const labels = this.requireLabels('text-classification');
    const form = textForm(this.encoder, labels.length);
    const logits = await this.#logits(this.#encode(inputs), form, batchSize);
    return logits.map((values) => classificationOf(values, labels));
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
    const logits = await this.#logits(this.#encode(inputs), textForm(this.encoder, 1), batchSize);
    return logits.map(([value]) => ({ value: value ?? Number.NaN }));
  }

  /**
   * The labels of each text's words, and the entities that they make up.
   *
   * @throws `input/model` for a model that does not classify tokens.
   */
  async labelWords(texts: readonly string[], batchSize = 32): Promise<readonly TaggedText[]> {
    const labels = this.requireLabels('token-classification');
    const cut = texts.map((text) => textInWords(text, this.tokenizer, this.#longest()));
    const inputs = cut.map(({ input }) => input);
    const logits = await this.#logits(inputs, tokenForm(this.encoder, labels.length), batchSize);
    return cut.map((text, i) => taggedText(text, logits[i] ?? new Float32Array(0), labels));
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
    const inputs = windows.map(({ input }) => input);
    const logits = await this.#logits(inputs, questionForm(this.encoder), batchSize);
    return answersOf(examples, windows, logits, {});
  }

  /**
   * What the model puts in place of each mask token of each text, such as `[MASK]`.
   *
   * @throws `input/model` for a model that does not predict tokens, `input/data` for a text without a mask.
   */
  async fillMask(
    texts: readonly string[],
    { topK = 5, batchSize = 16 }: { readonly topK?: number; readonly batchSize?: number } = {},
  ): Promise<readonly FilledText[]> {
    this.requireKind('masked-lm');
    const mask = requireMask(this.tokenizer);
    const places = maskPlaces(texts, this.tokenizer, mask, this.#longest());
    const logits = await this.#logits(
      places.map(({ input }) => input),
      maskForm(this.encoder),
      batchSize,
      (rows, length) => placeInputs(places, rows, length),
    );
    return filledTexts(texts, places, logits, this.tokenizer, { topK, mask: mask.token });
  }

  /** The task's metrics on its evaluation half, as fractions, and the mean `loss`. */
  async evaluate(task: Task, batchSize = 64): Promise<Readonly<Record<string, number>>> {
    return (await this.evaluateInDetail(task, batchSize)).metrics;
  }

  /** The same, and how often which class was taken for which. */
  async evaluateInDetail(task: Task, batchSize = 64): Promise<DetailedEvaluation> {
    if (hasLabels(task.kind)) this.requireLabels(task.kind);
    else this.requireKind(task.kind);
    const objective = this.objectiveOf(task, this.#longest());
    const { forward, layout, evaluation, evaluationInputs, score, confusion } = objective;
    const form = { key: `${layout.of} ${layout.width} ${task.kind}`, graph: () => forward, layout };
    const logits = await this.#run(evaluation, form, batchSize, evaluationInputs);
    return { metrics: score(logits), confusion: confusion?.(logits) };
  }

  /** Frees what the runtime holds for it, and for the models that share its weights. */
  release(): Promise<void> {
    return this.#shared.release();
  }

  #encode(inputs: readonly TextInput[]): EncodedText[] {
    return inputs.map((input) => {
      const [text, textPair] = typeof input === 'string' ? [input, undefined] : input;
      return this.tokenizer.encode(text, textPair, this.#longest());
    });
  }

  #longest(): number {
    return this.maxLength ?? this.encoder.maxPositions;
  }

  #logits(
    texts: readonly EncodedText[],
    form: Form,
    batchSize: number,
    inputsOf?: InputsOf,
  ): Promise<Float32Array[]> {
    return this.#run(featuresOf(texts, this.encoder.padTokenId), form, batchSize, inputsOf);
  }

  #run(features: Features, form: Form, batchSize: number, inputsOf?: InputsOf): Promise<Float32Array[]> {
    const { patch, maxPositions: maxLength } = this;
    return this.#shared.logits(patch, { features, form, batchSize, maxLength, inputsOf });
  }

  /** @throws `input/model` for a model whose head is for something else. */
  requireKind(kind: Task['kind']): void {
    if (this.kind === kind) return;
    const got = this.kind === undefined ? 'a base model' : `one for ${this.kind}`;
    throw wrongModel(this.name, `a model for ${kind}`, got);
  }

  /** The labels that it tells apart. @throws `input/model` for a model without such a classifier. */
  requireLabels(kind: Task['kind']): readonly string[] {
    const { labels } = this;
    if (this.kind !== undefined) this.requireKind(kind);
    if (labels !== undefined) return labels;
    throw wrongModel(this.name, 'a classifier with label names', 'a base model');
  }
}

const lengthSchema = z.coerce.number().int().positive().optional().catch(undefined);
