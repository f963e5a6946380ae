import './without-telemetry.ts';

import * as ort from 'onnxruntime-node';
import { GspfError } from '../errors.ts';
import { describeNode, type StaticGraph } from '../graph/graph.ts';
import { withColumnSums } from '../lowering/column-sums.ts';
import { orderForEarlyRelease } from '../lowering/execution-order.ts';
import { withFusedIntegerProducts } from '../lowering/fused-integer-products.ts';
import { withNarrowedValues } from '../lowering/narrowed-values.ts';
import { withPickedNumbers } from '../lowering/picked-numbers.ts';
import { withScaledProducts } from '../lowering/scaled-products.ts';
import { withTransposedProducts } from '../lowering/transposed-products.ts';
import { encodeModel } from '../onnx/encode.ts';
import type { Backend, Executable } from '../runtime/backend.ts';
import { feedsFor, resultsFor } from '../runtime/feeds.ts';
import type { Tensor, TensorData } from '../tensor.ts';
import { optimizationLevel } from './optimization-level.ts';
import { FENCE, fenced, isFenced } from './output-fence.ts';
import type { RuntimeProfiler, SessionProfile } from './profiler.ts';

/** How onnxruntime computes. */
export interface OnnxRuntimeOptions {
  /** Threads for one operator; by default onnxruntime's choice, one for each physical core. */
  readonly threads?: number | undefined;
  /**
   * Keep freed memory for later instead of giving it back: some 5 % faster, and up to twice the peak.
   *
   * @default false
   */
  readonly memoryArena?: boolean | undefined;
  /** Is told of every run, and of the operators in the first of each graph. */
  readonly profiler?: RuntimeProfiler | undefined;
}

/** onnxruntime-node on CPU. Fed arrays are read in place; wanted outputs are written into the arrays given. */
export function onnxRuntime({ threads, memoryArena = false, profiler }: OnnxRuntimeOptions = {}): Backend {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    enableCpuMemArena: memoryArena,
    logSeverityLevel: 3,
    // Each session has threads of its own. Left to themselves they go on spinning for some 20 ms after a run, and take a
    // core from whatever runs next: JavaScript, or the session of another shape.
    extra: { session: { force_spinning_stop: '1' } },
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
  return {
    name: `onnxruntime-node ${ort.env.versions.node ?? ort.env.versions.common} (cpu)`,
    compile: async (graph, { keepsMemory = false } = {}) => {
      const profile = profiler?.session();
      const profiling = profile?.prefix !== undefined && {
        enableProfiling: true,
        profileFilePrefix: profile.prefix,
      };
      // Without the plan of one block for all values, which takes twice the memory and is no faster.
      const keeping = keepsMemory && { enableCpuMemArena: true, enableMemPattern: false };
      const startMs = performance.now();
      const session = await createSession(graph, { ...options, ...keeping, ...profiling });
      const durationMs = performance.now() - startMs;
      profiler?.trace({
        name: 'create session',
        kind: 'session',
        startMs,
        durationMs,
        details: { graph: graph.name },
      });
      return new Session(graph, session, profile);
    },
  };
}

async function createSession(
  graph: StaticGraph,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    const lowered = orderForEarlyRelease(
      withFusedIntegerProducts(
        withPickedNumbers(
          withColumnSums(withScaledProducts(withTransposedProducts(withNarrowedValues(graph)))),
        ),
      ),
    );
    const graphOptimizationLevel = optimizationLevel(lowered);
    return await ort.InferenceSession.create(fenced(encodeModel(lowered)), {
      ...options,
      graphOptimizationLevel,
    });
  } catch (cause) {
    throw failure(graph, 'a graph that onnxruntime accepts', cause);
  }
}

class Session implements Executable {
  readonly #graph: StaticGraph;
  readonly #session: ort.InferenceSession;
  /** Wrappers by the array they wrap: weights and results come again in every run. */
  readonly #wrapped = new WeakMap<TensorData, ort.Tensor>();
  readonly #profile: SessionProfile | undefined;
  #isProfiling: boolean;

  constructor(graph: StaticGraph, session: ort.InferenceSession, profile?: SessionProfile) {
    this.#graph = graph;
    this.#session = session;
    this.#profile = profile;
    this.#isProfiling = profile?.prefix !== undefined;
  }

  async run(feeds: ReadonlyMap<string, Tensor>, results: ReadonlyMap<string, Tensor>): Promise<void> {
    const given = feedsFor(this.#graph.inputs, feeds);
    const wanted = resultsFor(this.#graph.outputs, results);
    const wrap = ([name, tensor]: readonly [string, Tensor]): [string, ort.Tensor] => [
      name,
      this.#wrap(tensor),
    ];
    const fetches = { [FENCE]: null, ...Object.fromEntries(wanted.map(wrap)) };
    const inputs = Object.fromEntries(given.map(wrap));
    const startMs = performance.now();
    try {
      await this.#session.run(inputs, fetches);
    } catch (cause) {
      if (!isFenced(cause)) throw failure(this.#graph, 'a run without failure', cause);
    }
    if (this.#profile !== undefined) this.#ran(this.#profile, startMs);
  }

  async release(): Promise<void> {
    this.#endProfile();
    await this.#session.release();
  }

  #ran(profile: SessionProfile, startMs: number): void {
    const durationMs = performance.now() - startMs;
    const details = { graph: this.#graph.name, nodes: this.#graph.nodes.length };
    if (profile.ran({ name: 'session.run', kind: 'session', startMs, durationMs, details }))
      this.#endProfile();
  }

  #endProfile(): void {
    if (this.#isProfiling) this.#session.endProfiling();
    this.#isProfiling = false;
  }

  #wrap(tensor: Tensor): ort.Tensor {
    const existing = this.#wrapped.get(tensor.data);
    if (existing !== undefined && `${existing.dims}` === `${tensor.shape}`) return existing;
    const wrapped = wrap(tensor);
    this.#wrapped.set(tensor.data, wrapped);
    return wrapped;
  }
}

function wrap(tensor: Tensor): ort.Tensor {
  switch (tensor.dtype) {
    case 'bfloat16':
      throw new GspfError('runtime/failed', {
        subject: 'a tensor of type bfloat16',
        expected: 'an element type that onnxruntime has',
      });
    case 'float64':
      return new ort.Tensor('float64', tensor.data, [...tensor.shape]);
    default:
      return new ort.Tensor(tensor.dtype, tensor.data, [...tensor.shape]);
  }
}

/** How onnxruntime writes the name of the node that it refuses, or that fails. */
const namedNode = /node with name '([^']+)'|^Node \(([^)]+)\)|Name:'([^']+)'|In Node, \("([^"]+)"/;

function failure(graph: StaticGraph, expected: string, cause: unknown): GspfError {
  const got = cause instanceof Error ? cause.message : String(cause);
  const name = namedNode
    .exec(got)
    ?.slice(1)
    .find((group) => group !== undefined);
  const node = name === undefined ? undefined : graph.nodes.find((candidate) => candidate.name === name);
  const subject = node === undefined ? `graph "${graph.name}"` : describeNode(node);
  return new GspfError('runtime/failed', { subject, expected, got, cause });
}
