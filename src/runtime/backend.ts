import type { StaticGraph } from '../graph/graph.ts';
import type { Tensor } from '../tensor.ts';

/** Tensors by the names of graph inputs or outputs. */
export type NamedTensors = ReadonlyMap<string, Tensor>;

/** A graph made ready to run. */
export interface Executable {
  /**
   * Computes the outputs named in `results` and writes them into the tensors found there.
   *
   * @param feeds Every graph input, of the graph's types. They are read where they lie: a weight that the caller
   *   changes in place has its new value in the next run.
   * @param results Tensors of the outputs' types, owned by the caller, overwritten.
   * @throws `graph/shape` for a feed or result that is missing or of another type; `runtime/failed` where the
   *   runtime fails.
   */
  run(feeds: NamedTensors, results: NamedTensors): Promise<void>;
  /** Frees what the runtime holds. The executable cannot be used afterwards. */
  release(): Promise<void>;
}

/** How a graph is made ready. */
export interface CompileOptions {
  /**
   * Whether the memory of its values is kept from run to run instead of given back: a tenth faster. Each graph has its own,
   * so it is for those of which few are ready at once.
   *
   * @default false
   */
  readonly keepsMemory?: boolean | undefined;
  /** Of a graph that is a part of a step: what the parts hand on to each other, in bytes at its most, for the books. */
  readonly handedOnBytes?: number | undefined;
}

/** Something that runs graphs. */
export interface Backend {
  /** Its name and version, for reports. */
  readonly name: string;
  /** @throws `runtime/failed` where the runtime refuses the graph. */
  compile(graph: StaticGraph, options?: CompileOptions): Promise<Executable>;
}
