import { decays } from '../optim/adamw.ts';
import { ARENA_LIMIT, Arena } from '../optim/arena.ts';
import { clipFactor } from '../optim/clip.ts';
import type { AdamWFactors } from '../optim/kernels.ts';
import { float32, type Tensor } from '../tensor.ts';
import type { BatchGradients } from './batch-gradients.ts';
import type { Gradient } from './gradient.ts';
import type { Run } from './run.ts';
import type { Trained } from './train-epochs.ts';

/** A tensor that is trained whole: its weights, their gradients and moments, in one arena. */
interface WholeTensor {
  readonly arena: Arena;
  readonly decays: boolean;
  readonly weights: Float32Array;
  /** Of a table whose rows are looked up, the gradient of one row. */
  readonly gradient: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** For each row of such a table, 1 once it had a gradient: until then its moments are zero. */
  readonly touched: Uint8Array | null;
}

/** All weights in training, with the optimiser's state of each. Weights are moved into memory that is owned here. */
export class WholeSet implements Trained {
  readonly gradients: BatchGradients;
  readonly average = null;
  readonly #run: Run;
  readonly #tensors: ReadonlyMap<string, WholeTensor>;
  #steps = 0;

  constructor(run: Run) {
    const { weights } = run.prepared;
    const tables = run.passes.gatheredTables();
    this.#run = run;
    this.#tensors = move(weights, tables);
    const moments = [...this.#tensors.values()].map(({ m, v }) => m.byteLength + v.byteLength);
    run.memory.note(
      'optimizer',
      moments.reduce((a, b) => a + b, 0),
    );
    this.gradients = run.passes.gradients(
      new Map([...weights.keys()].map((name) => [name, 'all'])),
      (name) => (tables.has(name) ? undefined : this.#tensors.get(name)?.gradient),
    );
  }

  update(lr: number): number {
    const { adamw, clipNorm } = this.#run.options;
    const { beta1, beta2, epsilon, weightDecay } = adamw;
    let squares = 0;
    for (const [name, tensor] of this.#tensors) squares += sumOfSquares(tensor, this.#gradientOf(name));
    const norm = Math.sqrt(squares);
    if (!Number.isFinite(norm)) return norm;
    this.#steps += 1;
    const rate = lr / (1 - beta1 ** this.#steps);
    const correction = 1 / Math.sqrt(1 - beta2 ** this.#steps);
    const scale = clipFactor(norm, clipNorm);
    for (const [name, tensor] of this.#tensors) {
      const decay = tensor.decays ? lr * weightDecay : 0;
      step(tensor, this.#gradientOf(name), { beta1, beta2, epsilon, rate, correction, scale, decay });
    }
    return norm;
  }

  /** Weights, moments and the step count, for a checkpoint. */
  capture(): ReadonlyMap<string, Tensor> {
    const tensors = new Map<string, Tensor>([
      ['steps', { dtype: 'int32', shape: [], data: Int32Array.of(this.#steps) }],
    ]);
    for (const [name, { weights, m, v }] of this.#tensors) {
      for (const [part, data] of Object.entries({ weight: weights, m, v })) {
        tensors.set(`${part}/${name}`, float32([data.length], data));
      }
    }
    return tensors;
  }

  /** Takes over what {@link capture} gave. */
  restore(tensors: ReadonlyMap<string, Tensor>): void {
    for (const [name, { weights, m, v, touched }] of this.#tensors) {
      for (const [part, array] of Object.entries({ weight: weights, m, v })) {
        const saved = tensors.get(`${part}/${name}`)?.data;
        if (saved instanceof Float32Array) array.set(saved);
      }
      const width = weights.length / (touched?.length ?? 1);
      const moved = (_: number, row: number): number =>
        Number([m, v].some((moment) => moment.subarray(row * width, (row + 1) * width).some((x) => x !== 0)));
      touched?.set(touched.map(moved));
    }
    const steps = tensors.get('steps')?.data;
    if (steps instanceof Int32Array) this.#steps = steps[0] ?? 0;
  }

  release(): Promise<void> {
    return this.gradients.release();
  }

  #gradientOf(name: string): Gradient {
    return this.gradients.gradients.get(name) ?? { values: new Float32Array(0) };
  }
}

/** Moves weights into arenas, as few as their size allows. */
function move(
  weights: Map<string, Tensor<'float32'>>,
  tables: ReadonlyMap<string, string>,
): ReadonlyMap<string, WholeTensor> {
  const lengths = [...weights].map(([name, { shape, data }]) => {
    const rows = tables.has(name) ? (shape[0] ?? 0) : 0;
    const gradient = rows === 0 ? data.length : data.length / rows;
    return { name, rows, gradient, arrays: [data.length, gradient, data.length, data.length] };
  });
  const tensors = new Map<string, WholeTensor>();
  for (const group of groups(lengths)) {
    const arena = new Arena(group.flatMap(({ arrays }) => arrays));
    for (const { name, rows, gradient } of group) {
      const tensor = weights.get(name);
      if (tensor === undefined) continue;
      const { shape, data } = tensor;
      const array = (length = data.length): Float32Array => arena.array(length);
      const moved = { weights: array(), gradient: array(gradient), m: array(), v: array() };
      moved.weights.set(data);
      weights.set(name, float32(shape, moved.weights));
      tensors.set(name, {
        ...moved,
        arena,
        decays: decays(shape),
        touched: rows === 0 ? null : new Uint8Array(rows),
      });
    }
  }
  return tensors;
}

/** Cuts a list into groups that fit an arena each. */
function groups<T extends { readonly arrays: readonly number[] }>(tensors: readonly T[]): T[][] {
  const cut: T[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const wanted = tensor.arrays.reduce((sum, length) => sum + length + 3, 0);
    if (wanted > room) {
      cut.push([]);
      room = ARENA_LIMIT;
    }
    cut.at(-1)?.push(tensor);
    room -= wanted;
  }
  return cut;
}

function sumOfSquares({ arena }: WholeTensor, { values, rows }: Gradient): number {
  if (rows === undefined) return arena.sumOfSquares(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] ?? 0) ** 2;
  return sum;
}

function step(tensor: WholeTensor, { values, rows }: Gradient, factors: AdamWFactors): void {
  const { arena, weights, gradient, m, v, touched } = tensor;
  if (rows === undefined || touched === null) arena.adamw(weights, gradient, m, v, factors);
  else stepRows(tensor, touched, rows, values, factors);
}

/** The rows of a table that had a gradient now, those that had one before, and the others, each in its cheapest form. */
function stepRows(
  { arena, weights, gradient, m, v }: WholeTensor,
  touched: Uint8Array,
  rows: Int32Array,
  values: Float32Array,
  factors: AdamWFactors,
): void {
  const width = gradient.length;
  const part = (array: Float32Array, from: number, to: number): Float32Array =>
    array.subarray(from * width, to * width);
  let next = 0;
  for (let row = 0; row < touched.length; ) {
    if (row === rows[next]) {
      gradient.set(part(values, next, next + 1));
      touched[row] = 1;
      arena.adamw(
        part(weights, row, row + 1),
        gradient,
        part(m, row, row + 1),
        part(v, row, row + 1),
        factors,
      );
      next += 1;
      row += 1;
      continue;
    }
    // The longest stretch of the same kind up to the next row with a gradient.
    const kind = touched[row];
    const limit = rows[next] ?? touched.length;
    let end = row + 1;
    while (end < limit && touched[end] === kind) end += 1;
    if (kind === 0) arena.adamwUntouched(part(weights, row, end), factors);
    else arena.adamwIdle(part(weights, row, end), part(m, row, end), part(v, row, end), factors);
    row = end;
  }
}
