import { type DType, float32, type Tensor } from '../tensor.ts';
import { quantizeColumns } from './rows.ts';

/** The axis of a weight `W` that holds the outputs of its product: rows for `x·Wᵀ`, columns for `x·W`. */
export type OutputAxis = 'rows' | 'columns';

/** A tensor, and the graph input that takes it. */
export interface NamedTensor<D extends DType = DType> {
  readonly name: string;
  readonly tensor: Tensor<D>;
}

/** Rows (axis 0) or columns (axis 1) of a matrix, by ascending numbers. */
export interface Lines {
  readonly axis: 0 | 1;
  readonly numbers: Int32Array;
}

/** A weight as an integer product takes it: `W[k, n] ≈ values[k, n] · scales[n]`. */
export interface EightBitWeight {
  /** `[in, out]`, with zeros in the rows that change. */
  readonly values: NamedTensor<'int8'>;
  /** `[out]` */
  readonly scales: NamedTensor<'float32'>;
  /** The rows of `values` that change, to be rounded by the same scales when they are used; undefined for none. */
  readonly changing: Lines | undefined;
  /** The columns of `values` that change, and so say nothing of what they stand for; undefined for none. */
  readonly outputs: Lines | undefined;
}

/**
 * Weights rounded to 8 bits, each output with a scale of its own as in {@link quantizeRows}: made when they are first
 * asked for, and kept. They are for what does not change.
 */
export class EightBitWeights {
  readonly #weights: ReadonlyMap<string, Tensor<'float32'>>;
  readonly #changing: ReadonlyMap<string, Lines | 'all'>;
  /** Undefined for what cannot be made. */
  readonly #made = new Map<string, EightBitWeight | undefined>();

  /** @param changing What may change of some weights; of those that are not among them, nothing. */
  constructor(
    weights: ReadonlyMap<string, Tensor<'float32'>>,
    changing: ReadonlyMap<string, Lines | 'all'> = new Map(),
  ) {
    this.#weights = weights;
    this.#changing = changing;
  }

  has(name: string): boolean {
    return this.#weights.has(name);
  }

  /**
   * Undefined for what is no weight, or no matrix; for what changes as a whole; and for what changes where nothing else
   * gives an output its scale.
   */
  get(name: string, outputs: OutputAxis): EightBitWeight | undefined {
    const weight = this.#weights.get(name);
    const lines = this.#changing.get(name);
    if (weight?.shape.length !== 2 || lines === 'all') return undefined;
    const some = lines?.numbers.length === 0 ? undefined : lines;
    const form = `${name}/${outputs}`;
    if (!this.#made.has(form)) this.#made.set(form, eightBitWeight(weight, outputs, form, some));
    return this.#made.get(form);
  }

  /** All that were asked for, by the names of the inputs that take them; to be read only. */
  get tensors(): ReadonlyMap<string, Tensor> {
    const made = [...this.#made.values()].filter((weight) => weight !== undefined);
    const all = made.flatMap(({ values, scales }) => [values, scales]);
    return new Map(all.map(({ name, tensor }) => [name, tensor]));
  }

  /** Memory of {@link tensors}. */
  get sizeBytes(): number {
    return [...this.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  }
}

function eightBitWeight(
  weight: Tensor<'float32'>,
  outputs: OutputAxis,
  form: string,
  lines: Lines | undefined,
): EightBitWeight | undefined {
  const areOutputs = lines?.axis === (outputs === 'rows' ? 0 : 1);
  const changing = areOutputs ? undefined : lines;
  const matrix = outputs === 'columns' ? weight : transposed(weight);
  const { values, scales } = quantizeColumns(matrix, changing?.numbers);
  if (changing !== undefined && scales.data.includes(0)) return undefined;
  return {
    values: { name: `${form}/int8`, tensor: values },
    scales: { name: `${form}/scales`, tensor: scales },
    changing,
    outputs: areOutputs ? lines : undefined,
  };
}

function transposed({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const [rows = 0, columns = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = data[row * columns + column] ?? 0;
  }
  return float32([columns, rows], turned);
}
