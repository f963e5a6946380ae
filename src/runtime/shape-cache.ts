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

/** Something that holds memory of the runtime's. */
interface Releasable {
  release(): Promise<void>;
}

/** What runs batches of one shape, made when the shape is met for the first time, and kept. */
export class ShapeCache<T extends Releasable> {
  readonly #compile: (shape: BatchShape) => Promise<T>;
  readonly #compiled = new Map<string, Promise<T>>();

  constructor(compile: (shape: BatchShape) => Promise<T>) {
    this.#compile = compile;
  }

  get(shape: BatchShape): Promise<T> {
    const key = shapeKey(shape);
    const compiled = this.#compiled.get(key) ?? this.#compile(shape);
    this.#compiled.set(key, compiled);
    return compiled;
  }

  async release(): Promise<void> {
    const all = [...this.#compiled.values()];
    this.#compiled.clear();
    for (const compiled of all) await (await compiled).release();
  }
}
