import { type DType, float32, type Tensor } from '../tensor.ts';
import { quantizeRows } from './rows.ts';

/** The axis of a weight `W` that holds the outputs of its product: rows for `x·Wᵀ`, columns for `x·W`. */
export type OutputAxis = 'rows' | 'columns';

/** A tensor, and the graph input that takes it. */
export interface NamedTensor<D extends DType = DType> {
  readonly name: string;
  readonly tensor: Tensor<D>;
}

/** A weight as an integer product takes it: `W[k, n] ≈ values[k, n] · scales[n]`. */
export interface EightBitWeight {
  /** `[in, out]` */
  readonly values: NamedTensor<'int8'>;
  /** `[out]` */
  readonly scales: NamedTensor<'float32'>;
}

/**
 * Weights rounded to 8 bits, each output with a scale of its own as in {@link quantizeRows}: made when they are first
 * asked for, and kept. They are for weights that do not change.
 */
export class EightBitWeights {
  readonly #weights: ReadonlyMap<string, Tensor<'float32'>>;
  readonly #made = new Map<string, EightBitWeight>();

  constructor(weights: ReadonlyMap<string, Tensor<'float32'>>) {
    this.#weights = weights;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  /** Undefined for what is no weight, or no matrix. */
  get(name: string, outputs: OutputAxis): EightBitWeight | undefined {
    const weight = this.#weights.get(name);
    if (weight?.shape.length !== 2) return undefined;
    const form = `${name}/${outputs}`;
    const made = this.#made.get(form) ?? eightBitWeight(weight, outputs, form);
    this.#made.set(form, made);
    return made;
  }

  /** All that were asked for, by the names of the inputs that take them; to be read only. */
  get tensors(): ReadonlyMap<string, Tensor> {
    const all = [...this.#made.values()].flatMap(({ values, scales }) => [values, scales]);
    return new Map(all.map(({ name, tensor }) => [name, tensor]));
  }

  /** Memory of {@link tensors}. */
  get sizeBytes(): number {
    return [...this.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  }
}

function eightBitWeight(weight: Tensor<'float32'>, outputs: OutputAxis, form: string): EightBitWeight {
  const { values, scales } = quantizeRows(outputs === 'rows' ? weight : transposed(weight));
  return {
    values: { name: `${form}/int8`, tensor: transposed(values) },
    scales: { name: `${form}/scales`, tensor: float32([scales.data.length], scales.data) },
  };
}

function transposed<D extends 'float32' | 'int8'>(matrix: Tensor<D>): Tensor<D>;
function transposed({ dtype, shape, data }: Tensor<'float32' | 'int8'>): Tensor<'float32' | 'int8'> {
  const [rows = 0, columns = 0] = shape;
  const turn = <A extends Float32Array | Int8Array>(from: A, to: A): A => {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++)
        to[column * rows + row] = from[row * columns + column] ?? 0;
    }
    return to;
  };
  return dtype === 'float32'
    ? { dtype, shape: [columns, rows], data: turn(data, new Float32Array(data.length)) }
    : { dtype, shape: [columns, rows], data: turn(data, new Int8Array(data.length)) };
}
