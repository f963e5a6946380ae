import { decays } from '../optim/adamw.ts';
import { ARENA_LIMIT, Arena } from '../optim/arena.ts';
import { clipFactor } from '../optim/clip.ts';
import type { AdamWFactors } from '../optim/kernels.ts';
import { float32, type Tensor } from '../tensor.ts';
import type { BatchGradients } from './batch-gradients.ts';
import type { Gradient } from './gradient.ts';
import { sharedStarts } from './gradient-groups.ts';
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
  readonly updateBy: ((gradients: ReadonlyMap<string, Gradient>, lr: number) => void) | undefined;
  #steps = 0;
  /** Of the gradients of the step under way. */
  #squares = 0;

  constructor(run: Run) {
    const { weights } = run.prepared;
    const names = [...weights.keys()];
    const tables = run.passes.gatheredTables();
    // A norm of all gradients is there when all of them are.
    const groups = run.options.clipNorm === null ? run.passes.gradientGroups(names) : [names];
    this.#run = run;
    this.#tensors = move(weights, tables, groups);
    this.updateBy = groups.length === 1 ? undefined : (gradients, lr) => this.#stepBy(gradients, lr);
    const moments = [...this.#tensors.values()].map(({ m, v }) => m.byteLength + v.byteLength);
    run.memory.note(
      'optimizer',
      moments.reduce((a, b) => a + b, 0),
    );
    this.gradients = run.passes.gradients(
      new Map(names.map((name) => [name, 'all'])),
      (name) => (tables.has(name) ? undefined : this.#tensors.get(name)?.gradient),
      groups,
    );
  }

  update(lr: number): number {
    if (this.updateBy === undefined) this.#stepBy(this.gradients.gradients, lr);
    const norm = Math.sqrt(this.#squares);
    this.#squares = 0;
    if (Number.isFinite(norm)) this.#steps += 1;
    return norm;
  }

  /** One step of the tensors that have these gradients, by their norm where gradients are clipped; none where it is not finite. */
  #stepBy(gradients: ReadonlyMap<string, Gradient>, lr: number): void {
    const { adamw, clipNorm } = this.#run.options;
    const { beta1, beta2, epsilon, weightDecay } = adamw;
    const given = [...gradients].flatMap(([name, gradient]) => {
      const tensor = this.#tensors.get(name);
      return tensor === undefined ? [] : [{ tensor, gradient }];
    });
    const squares = given.reduce((sum, { tensor, gradient }) => sum + sumOfSquares(tensor, gradient), 0);
    this.#squares += squares;
    if (!Number.isFinite(squares)) return;
    const steps = this.#steps + 1;
    const rate = lr / (1 - beta1 ** steps);
    const correction = 1 / Math.sqrt(1 - beta2 ** steps);
    const scale = clipFactor(Math.sqrt(squares), clipNorm);
    for (const { tensor, gradient } of given) {
      const decay = tensor.decays ? lr * weightDecay : 0;
      step(tensor, gradient, { beta1, beta2, epsilon, rate, correction, scale, decay });
    }
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
}

/**
 * Moves weights into arenas, as few as their size allows.
 *
 * @param groups Tensors whose gradients are wanted at the same time: other groups have theirs in the same memory.
 */
function move(
  weights: Map<string, Tensor<'float32'>>,
  tables: ReadonlyMap<string, string>,
  groups: readonly (readonly string[])[],
): ReadonlyMap<string, WholeTensor> {
  const lengths = [...weights].map(([name, { shape, data }]) => {
    const rows = tables.has(name) ? (shape[0] ?? 0) : 0;
    const gradient = rows === 0 ? data.length : data.length / rows;
    return { name, rows, gradient, arrays: [data.length, data.length, data.length] };
  });
  const tensors = new Map<string, WholeTensor>();
  for (const some of inArenas(lengths)) {
    const { starts, length } = sharedStarts(
      groups,
      new Map(some.map(({ name, gradient }) => [name, gradient])),
    );
    const arena = new Arena([...some.flatMap(({ arrays }) => arrays), length]);
    const gradients = arena.array(length);
    for (const { name, rows, gradient } of some) {
      const tensor = weights.get(name);
      if (tensor === undefined) continue;
      const { shape, data } = tensor;
      const array = (): Float32Array => arena.array(data.length);
      const moved = { weights: array(), m: array(), v: array() };
      moved.weights.set(data);
      weights.set(name, float32(shape, moved.weights));
      const start = starts.get(name) ?? 0;
      tensors.set(name, {
        ...moved,
        gradient: gradients.subarray(start, start + gradient),
        arena,
        decays: decays(shape),
        touched: rows === 0 ? null : new Uint8Array(rows),
      });
    }
  }
  return tensors;
}

/** Cuts a list into parts that fit an arena each. */
function inArenas<T extends { readonly arrays: readonly number[]; readonly gradient: number }>(
  tensors: readonly T[],
): T[][] {
  const cut: T[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    const wanted = [...tensor.arrays, tensor.gradient].reduce((sum, length) => sum + length + 3, 0);
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
