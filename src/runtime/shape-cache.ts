import type { StaticGraph } from '../graph/graph.ts';
import type { Backend, CompileOptions, Executable } from './backend.ts';

/** The extents that a text model's graph is specialised for. */
export interface BatchShape {
  /** Texts. */
  readonly batch: number;
  /** Positions of each, padding included. */
  readonly sequence: number;
}

/** Executables of one graph, made when a batch shape is met for the first time and kept. */
export class ShapeCache {
  readonly #backend: Backend;
  readonly #options: CompileOptions;
  readonly #specialized: (shape: BatchShape) => StaticGraph;
  readonly #executables = new Map<string, Promise<Executable>>();

  constructor(
    backend: Backend,
    specialized: (shape: BatchShape) => StaticGraph,
    options: CompileOptions = {},
  ) {
    this.#backend = backend;
    this.#options = options;
    this.#specialized = specialized;
  }

  get(shape: BatchShape): Promise<Executable> {
    const key = `${shape.batch}x${shape.sequence}`;
    const existing = this.#executables.get(key);
    if (existing !== undefined) return existing;
    const executable = this.#backend.compile(this.#specialized(shape), this.#options);
    this.#executables.set(key, executable);
    return executable;
  }

  /** How many shapes were met. */
  get size(): number {
    return this.#executables.size;
  }

  async release(): Promise<void> {
    const executables = [...this.#executables.values()];
    this.#executables.clear();
    for (const executable of executables) await (await executable).release();
  }
}
