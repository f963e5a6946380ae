import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { importGraph } from '../imported/import.ts';
import { graphMetadata, importedNetwork } from '../imported/network.ts';
import { type SinglePrecision, singlePrecision } from '../imported/single-precision.ts';
import { fixedExtents } from '../imported/text-inputs.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import { LoadedWeights } from '../models/loaded-weights.ts';
import type { HeadKind } from '../models/model-with-head.ts';
import type { ModelOrigin } from '../models/text-model.ts';
import { type Classification, classificationOf } from '../objectives/classification.ts';
import type { SequenceNetwork } from '../objectives/network.ts';
import type { Features, LogitsLayout, Objective } from '../objectives/objective.ts';
import { textClassificationObjective } from '../objectives/text-classification.ts';
import { textRegressionObjective } from '../objectives/text-regression.ts';
import type { ObjectiveOptions, TrainableModel } from '../objectives/trainable-model.ts';
import type { GraphOptions } from '../options/options.ts';
import { applyPatch } from '../patch/apply.ts';
import { cloneTensor } from '../patch/bits.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';
import { Predictor } from '../training/predictor.ts';
import { nodeEnvironment } from './environment.ts';
import type { DetailedEvaluation, LoadModelOptions, TextInput } from './model.ts';
import { type Companions, companionsOf } from './onnx-companions.ts';
import { readOnnx } from './onnx-file.ts';
import { kindOfPatch } from './task-kind.ts';

/** What the models that differ by patches alone have in common. */
interface Shared {
  weights?: Promise<LoadedWeights>;
  readonly predictors: Map<string, Predictor>;
}

/**
 * Opens an ONNX file as a model, with the tokenizer and the config that lie beside it or in the folder above.
 *
 * @throws `input/missing-file`, `input/onnx`, `graph/operator`, `input/tokenizer`.
 */
export async function loadOnnxModel(
  path: string,
  { threads, profiler }: LoadModelOptions = {},
): Promise<OnnxModel> {
  const file = singlePrecision(await readOnnx(path));
  return new OnnxModel(
    path,
    file,
    await companionsOf(path),
    undefined,
    nodeEnvironment({ threads, profiler }),
  );
}

/** A model that is any ONNX graph, with a patch on it or without. */
export class OnnxModel implements TrainableModel {
  readonly path: string;
  readonly name: string;
  readonly origin: ModelOrigin;
  readonly patch: Patch | undefined;
  readonly environment: Environment;
  readonly initializerRange = 0.02;
  readonly body: ReadonlySet<string>;
  readonly #file: SinglePrecision;
  readonly #companions: Companions;
  readonly #shared: Shared;

  constructor(
    path: string,
    file: SinglePrecision,
    companions: Companions,
    patch: Patch | undefined,
    environment: Environment,
    shared: Shared = { predictors: new Map() },
  ) {
    this.path = path;
    this.name = basename(resolve(path));
    this.patch = patch;
    this.environment = environment;
    this.origin = { from: 'directory', path };
    this.body = new Set(file.stored.keys());
    this.#file = file;
    this.#companions = companions;
    this.#shared = shared;
  }

  /** What it is for: what the patch says, else the classification that its config speaks of. */
  get kind(): HeadKind | undefined {
    const { patch, labels } = this;
    return (patch && kindOfPatch(patch.metadata)) ?? (labels && 'text-classification');
  }

  get labels(): readonly string[] | undefined {
    const labels = this.patch?.metadata.id2label ?? [];
    return labels.length > 0 ? labels : this.#companions.labels;
  }

  get maxPositions(): number {
    const { tokens } = fixedExtents(this.#file.graph);
    const trained = z.coerce.number().int().positive().safeParse(this.patch?.metadata.extra['max_length']);
    return tokens ?? (trained.success ? trained.data : this.#companions.maxPositions);
  }

  get padTokenId(): number {
    return this.#companions.padTokenId;
  }

  /** The same model with a patch on it instead; both share the weights in memory. */
  with(patch: Patch): OnnxModel {
    return new OnnxModel(this.path, this.#file, this.#companions, patch, this.environment, this.#shared);
  }

  /** Its float tensors as the file has them, copied. @throws `input/patch-base` where the patch is for another model. */
  async readTensors(): Promise<Map<string, Tensor<WeightType>>> {
    const tensors = new Map(
      [...this.#file.stored].map(
        ([name, tensor]) => [name, requireWeight(cloneTensor(tensor), name)] as const,
      ),
    );
    if (this.patch === undefined) return tensors;
    const { createSha256 } = this.environment;
    const patched = applyPatch(tensors, this.patch, { createSha256 }).tensors;
    return new Map([...patched].map(([name, tensor]) => [name, requireWeight(tensor, name)]));
  }

  objectiveOf(task: Task, maxLength: number, options: ObjectiveOptions = {}): Objective {
    const encode = ({ text, textPair }: { text: string; textPair?: string }) =>
      this.#companions.tokenizer().encode(text, textPair, maxLength);
    switch (task.kind) {
      case 'text-classification': {
        const network = this.#network(task.labels.length, options);
        return textClassificationObjective(task, network, encode, options.classWeights ?? 'none');
      }
      case 'text-regression':
        return textRegressionObjective(task, this.#network(1, options), encode);
      default:
        throw new GspfError('usage/option', {
          subject: `task ${task.name}`,
          expected: 'text-classification or text-regression, for a model that is an ONNX file',
          got: task.kind,
        });
    }
  }

  /** The most probable label of each text. @throws `input/model` for a model without label names. */
  async classify(inputs: readonly TextInput[], batchSize = 32): Promise<readonly Classification[]> {
    const labels = this.requireLabels();
    const logits = await this.#logits(inputs, labels.length, batchSize);
    return logits.map((values) => classificationOf(values, labels));
  }

  /** The number of each text. @throws `input/model` for a model that does not predict numbers. */
  async regress(
    inputs: readonly TextInput[],
    batchSize = 32,
  ): Promise<readonly { readonly value: number }[]> {
    this.requireKind('text-regression');
    const logits = await this.#logits(inputs, 1, batchSize);
    return logits.map(([value]) => ({ value: value ?? Number.NaN }));
  }

  /** Its forward graph as it was trained; the weights are inputs. @throws `input/model` for one without a task. */
  forward(): Graph {
    const width = this.kind === 'text-regression' ? 1 : this.requireLabels().length;
    return this.#network(width, this.#asTrained()).graph();
  }

  /** The task's metrics on its evaluation half, as fractions, and the mean `loss`. */
  async evaluate(task: Task, batchSize = 64): Promise<Readonly<Record<string, number>>> {
    return (await this.evaluateInDetail(task, batchSize)).metrics;
  }

  /** The task's metrics on its evaluation half, and how often which class was taken for which. */
  async evaluateInDetail(task: Task, batchSize = 64): Promise<DetailedEvaluation> {
    if (task.kind === 'text-classification') this.requireLabels();
    else this.requireKind(task.kind);
    const objective = this.objectiveOf(task, this.maxPositions, this.#asTrained());
    const { evaluation, forward, layout, score, confusion } = objective;
    const logits = await this.#run(evaluation, () => forward, layout, batchSize);
    return { metrics: score(logits), confusion: confusion?.(logits) };
  }

  /** Frees what the runtime holds for it, and for the models that share its weights. */
  async release(): Promise<void> {
    for (const predictor of this.#shared.predictors.values()) await predictor.release();
    this.#shared.predictors.clear();
    delete this.#shared.weights;
  }

  /** @throws `input/model` for a model that is for something else. */
  requireKind(kind: HeadKind): void {
    if (this.kind === kind) return;
    throw new GspfError('input/model', {
      subject: this.name,
      expected: `a model for ${kind}`,
      got: this.kind === undefined ? 'a graph without a task' : `one for ${this.kind}`,
      hint: 'Give the patch of a run on such a task (--patch), or train one with gspf train.',
    });
  }

  /** The labels that it tells apart. @throws `input/model` for a model without label names. */
  requireLabels(): readonly string[] {
    const { labels } = this;
    if (labels !== undefined) return labels;
    throw new GspfError('input/model', {
      subject: this.name,
      expected: `label names, in a config.json beside it or in a patch`,
      got: 'none',
      hint: 'Give the patch of a fine-tuning run (--patch), or train one with gspf train.',
    });
  }

  /** How the patch says that the graph was read when it was trained. */
  #asTrained(): ObjectiveOptions {
    const extra = this.patch?.metadata.extra ?? {};
    const graph: GraphOptions = {
      output: extra[graphMetadata.output] ?? null,
      headOn: extra[graphMetadata.headOn] ?? null,
      tie: false,
    };
    return { graph };
  }

  #network(width: number, { graph, select }: ObjectiveOptions): SequenceNetwork {
    const options = graph ?? { output: null, headOn: null, tie: false };
    // A glob without an asterisk names a tensor.
    const weights = (select?.include ?? []).filter((glob) => !glob.includes('*'));
    const imported = importGraph(this.#file.graph, { weights });
    const { padTokenId } = this.#companions;
    return importedNetwork(imported, { ...options, source: this.name, width, padTokenId });
  }

  async #logits(inputs: readonly TextInput[], width: number, batchSize: number): Promise<Float32Array[]> {
    const network = this.#network(width, this.#asTrained());
    const tokenizer = this.#companions.tokenizer();
    const texts = inputs.map((input) => {
      const [text, textPair] = typeof input === 'string' ? [input, undefined] : input;
      return tokenizer.encode(text, textPair, this.maxPositions);
    });
    return this.#run(network.features(texts), () => network.graph(), { of: 'text', width }, batchSize);
  }

  async #run(
    features: Features,
    graph: () => Graph,
    layout: LogitsLayout,
    batchSize: number,
  ): Promise<Float32Array[]> {
    this.#shared.weights ??= this.#readBase().then(
      (tensors) => new LoadedWeights(tensors, this.environment.createSha256),
    );
    const loaded = await this.#shared.weights;
    return loaded.use(this.patch, (weights) => {
      const { output, headOn } = this.#asTrained().graph ?? {};
      const key = JSON.stringify([layout, output, headOn]);
      const predictor =
        this.#shared.predictors.get(key) ??
        new Predictor({ graph: graph(), weights, layout, maxLength: this.maxPositions }, this.environment);
      this.#shared.predictors.set(key, predictor);
      return predictor.logits(features, batchSize);
    });
  }

  #readBase(): Promise<Map<string, Tensor<WeightType>>> {
    return new OnnxModel(this.path, this.#file, this.#companions, undefined, this.environment).readTensors();
  }
}
