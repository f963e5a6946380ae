import type { StaticGraph } from '../graph/graph.ts';
import type { Backend, Executable } from './backend.ts';

/** The extents that a text model's graph is specialised for. */
export interface BatchShape {
  /** Texts. */
  readonly batch: number;
  /** Positions of each, padding included. */
  readonly sequence: number;
}

/** A shape as text: equal for equal shapes. */
export function shapeKey({ batch, sequence }: BatchShape): string {
  return `${batch}x${sequence}`;
}

/** Executables of one graph, made when a batch shape is met for the first time and kept. */
export class ShapeCache {
  readonly #backend: Backend;
  readonly #keepsMemory: (shape: BatchShape) => boolean;
  readonly #specialized: (shape: BatchShape) => StaticGraph;
  readonly #executables = new Map<string, Promise<Executable>>();

  /** @param keepsMemory For which shapes memory is kept between runs; for none, if left out. */
  constructor(
    backend: Backend,
    specialized: (shape: BatchShape) => StaticGraph,
    keepsMemory: (shape: BatchShape) => boolean = () => false,
  ) {
    this.#backend = backend;
    this.#keepsMemory = keepsMemory;
    this.#specialized = specialized;
  }

  get(shape: BatchShape): Promise<Executable> {
    const key = shapeKey(shape);
    const existing = this.#executables.get(key);
    if (existing !== undefined) return existing;
    const options = { keepsMemory: this.#keepsMemory(shape) };
    const executable = this.#backend.compile(this.#specialized(shape), options);
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
