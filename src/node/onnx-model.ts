import { basename, resolve } from 'node:path';
import { z } from 'zod';
import { GspfError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { importedArrayNetwork } from '../imported/array-network.ts';
import { importedArraysObjective } from '../imported/array-objective.ts';
import { type ImportedGraph, importGraph } from '../imported/import.ts';
import { importedNetwork } from '../imported/network.ts';
import { type SinglePrecision, singlePrecision } from '../imported/single-precision.ts';
import { fixedExtents } from '../imported/text-inputs.ts';
import { onlyOf } from '../models/checkpoint.ts';
import { requireWeight, type WeightType } from '../models/half-precision.ts';
import type { ModelOrigin } from '../models/text-model.ts';
import { arrayPrediction } from '../objectives/array-predictions.ts';
import { headScope } from '../objectives/arrays.ts';
import { type Classification, classificationOf } from '../objectives/classification.ts';
import type { ArrayNetwork, SequenceNetwork } from '../objectives/network.ts';
import type { Features, LogitsLayout, Objective } from '../objectives/objective.ts';
import { textClassificationObjective } from '../objectives/text-classification.ts';
import { textRegressionObjective } from '../objectives/text-regression.ts';
import type { ObjectiveOptions, TrainableModel } from '../objectives/trainable-model.ts';
import { cloneTensor } from '../patch/bits.ts';
import type { Patch } from '../patch/patch.ts';
import type { Environment } from '../runtime/environment.ts';
import { type Arrays, examplesOfArrays } from '../tasks/arrays.ts';
import type { Task } from '../tasks/task.ts';
import { type DType, sizeOf, type Tensor } from '../tensor.ts';
import { nodeEnvironment } from './environment.ts';
import { headWidth, readAs, wholeGraph } from './graph-of-patch.ts';
import type { DetailedEvaluation, LoadModelOptions, TextInput } from './model.ts';
import { type Companions, companionsOf } from './onnx-companions.ts';
import { readOnnx } from './onnx-file.ts';
import { PatchedTensors } from './patched-tensors.ts';
import { SharedWeights, wrongModel } from './shared-weights.ts';
import { kindOfPatch } from './task-kind.ts';

/**
 * Opens an ONNX file as a model, with the tokenizer and the config that lie beside it or in the folder above.
 *
 * @throws `input/missing-file`, `input/onnx`, `graph/operator`, `input/tokenizer`.
 */
export async function loadOnnxModel(
  path: string,
  { threads, profiler, prefixPrecision }: LoadModelOptions = {},
): Promise<OnnxModel> {
  const file = singlePrecision(await readOnnx(path));
  const environment = nodeEnvironment({ threads, profiler });
  const shared = new SharedWeights(async () => weightsOf(file), environment, prefixPrecision);
  return new OnnxModel(path, file, await companionsOf(path), undefined, environment, shared);
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
  readonly #shared: SharedWeights;
  readonly #tensors: PatchedTensors;
  /** What of it are weights, by the names that are weights in any case. */
  readonly #imports = new Map<string, ImportedGraph>();

  constructor(
    path: string,
    file: SinglePrecision,
    companions: Companions,
    patch: Patch | undefined,
    environment: Environment,
    shared: SharedWeights,
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
    this.#tensors = new PatchedTensors(
      async (names) => weightsOf(file, names),
      patch,
      environment.createSha256,
    );
  }

  /** What it is for: what the patch says, else the classification that its config speaks of. */
  get kind(): Task['kind'] | undefined {
    const { patch, labels } = this;
    if (patch?.metadata.extra['task_kind'] === 'arrays') return 'arrays';
    return (patch && kindOfPatch(patch.metadata)) ?? (labels && 'text-classification');
  }

  get labels(): readonly string[] | undefined {
    const labels = this.patch?.metadata.id2label ?? [];
    return labels.length > 0 ? labels : this.#companions.labels;
  }

  /** Of a model for tables: the columns that it reads, in order. */
  get featureColumns(): readonly string[] | undefined {
    return readAs(this.patch).columns;
  }

  get maxPositions(): number {
    const { tokens } = fixedExtents(this.#file.graph);
    const trained = z.coerce.number().int().positive().safeParse(this.patch?.metadata.extra['max_length']);
    return tokens ?? (trained.success ? trained.data : this.#companions.maxPositions);
  }

  /** Tensors that the file holds as integers and training as floats, with their types there. */
  get quantized(): ReadonlyMap<string, DType> {
    return this.#file.quantized;
  }

  get padTokenId(): number {
    return this.#companions.padTokenId;
  }

  /** The same model with a patch on it instead; both share the weights in memory. */
  with(patch: Patch): OnnxModel {
    return new OnnxModel(this.path, this.#file, this.#companions, patch, this.environment, this.#shared);
  }

  /** Its float tensors as the file has them, copied. @throws `input/patch-base` where the patch is for another model. */
  readTensors(names?: ReadonlySet<string>): Promise<Map<string, Tensor<WeightType>>> {
    return this.#tensors.read(names);
  }

  objectiveOf(task: Task, maxLength: number, options: ObjectiveOptions = {}): Objective {
    if (task.kind === 'arrays') {
      const { graph = wholeGraph, loss = null, classWeights = 'none' } = options;
      const width = headWidth(this.patch, this.#file.graph);
      const read = { graph, loss, classWeights, source: this.name, headWidth: width };
      return importedArraysObjective(this.#imported(options), task, read);
    }
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
          expected:
            'text-classification, text-regression, arrays or a task on tables, for a model that is an ONNX file',
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

  /**
   * What it gives for each row of some arrays, by the loss that it was trained with.
   *
   * @throws `input/data` for arrays that its graph cannot read.
   */
  async predictArrays(arrays: Arrays, batchSize = 64): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const network = this.#arrayNetwork(arrays);
    const { shape } = network;
    const layout = { of: 'array', width: sizeOf(shape), shape } as const;
    const features = network.features(examplesOfArrays(arrays));
    const outputs = await this.#run(features, network.graph(), layout, batchSize);
    const { loss } = readAs(this.patch);
    return outputs.map((output) => arrayPrediction(loss, shape, this.labels, output));
  }

  /** Its forward graph as it was trained; the weights are inputs. @throws `input/model` for one without a task. */
  forward(): Graph {
    if (this.kind === 'arrays') return this.#arrayNetwork(undefined).graph();
    const width = this.kind === 'text-regression' ? 1 : this.requireLabels().length;
    return this.#network(width, readAs(this.patch)).graph();
  }

  /** The task's metrics on its evaluation half, as fractions, and the mean `loss`. */
  async evaluate(task: Task, batchSize = 64): Promise<Readonly<Record<string, number>>> {
    return (await this.evaluateInDetail(task, batchSize)).metrics;
  }

  /** The task's metrics on its evaluation half, and how often which class was taken for which. */
  async evaluateInDetail(task: Task, batchSize = 64): Promise<DetailedEvaluation> {
    // A graph without a patch says nothing of arrays: whether they go together is seen when they are read.
    if (task.kind === 'text-classification') this.requireLabels();
    else if (task.kind !== 'arrays' || this.patch !== undefined) this.requireKind(task.kind);
    const objective = this.objectiveOf(task, this.maxPositions, readAs(this.patch));
    const { evaluation, forward, layout, score, confusion } = objective;
    const logits = await this.#run(evaluation, forward, layout, batchSize);
    return { metrics: score(logits), confusion: confusion?.(logits) };
  }

  /** Frees what the runtime holds for it, and for the models that share its weights. */
  release(): Promise<void> {
    return this.#shared.release();
  }

  /** @throws `input/model` for a model that is for something else. */
  requireKind(kind: Task['kind']): void {
    if (this.kind === kind) return;
    const got = this.kind === undefined ? 'a graph without a task' : `one for ${this.kind}`;
    throw wrongModel(this.name, `a model for ${kind}`, got);
  }

  /** The labels that it tells apart. @throws `input/model` for a model without label names. */
  requireLabels(): readonly string[] {
    const { labels } = this;
    if (labels !== undefined) return labels;
    throw wrongModel(this.name, 'label names, in a config.json beside it or in a patch', 'none');
  }

  #imported({ select }: ObjectiveOptions): ImportedGraph {
    // A glob without an asterisk names a tensor.
    const weights = (select?.include ?? []).filter((glob) => !glob.includes('*'));
    const key = JSON.stringify(weights);
    const imported = this.#imports.get(key) ?? importGraph(this.#file.graph, { weights });
    this.#imports.set(key, imported);
    return imported;
  }

  #network(width: number, options: ObjectiveOptions): SequenceNetwork {
    const { padTokenId } = this.#companions;
    const read = { ...(options.graph ?? wholeGraph), source: this.name, width, padTokenId };
    return importedNetwork(this.#imported(options), read);
  }

  /** The graph with its patch as it reads some arrays, or any. */
  #arrayNetwork(arrays: Arrays | undefined): ArrayNetwork {
    const { graph, loss } = readAs(this.patch);
    const width = headWidth(this.patch, this.#file.graph);
    const head = width === undefined ? undefined : { each: headScope(loss), width };
    return importedArrayNetwork(this.#imported({}), { ...graph, source: this.name, head, arrays });
  }

  async #logits(inputs: readonly TextInput[], width: number, batchSize: number): Promise<Float32Array[]> {
    const network = this.#network(width, readAs(this.patch));
    const tokenizer = this.#companions.tokenizer();
    const texts = inputs.map((input) => {
      const [text, textPair] = typeof input === 'string' ? [input, undefined] : input;
      return tokenizer.encode(text, textPair, this.maxPositions);
    });
    return this.#run(network.features(texts), network.graph(), { of: 'text', width }, batchSize);
  }

  #run(features: Features, graph: Graph, layout: LogitsLayout, batchSize: number): Promise<Float32Array[]> {
    const { patch, maxPositions: maxLength } = this;
    const { output, headOn } = readAs(this.patch).graph;
    const key = JSON.stringify([layout, output, headOn, graph.inputs]);
    const form = { key, graph: () => graph, layout };
    return this.#shared.logits(patch, { features, form, batchSize, maxLength });
  }
}

/** The float tensors of a file as it has them, copied. */
function weightsOf(
  { stored }: SinglePrecision,
  names?: ReadonlySet<string>,
): Map<string, Tensor<WeightType>> {
  return new Map(
    [...onlyOf(stored, names)].map(([name, tensor]) => [name, requireWeight(cloneTensor(tensor), name)]),
  );
}
