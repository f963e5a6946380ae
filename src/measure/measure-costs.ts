import { GraphBuilder } from '../graph/builder.ts';
import { int, ints } from '../graph/graph.ts';
import { type CostTiming, fitCosts } from '../lowering/fit-costs.ts';
import type { SparseCosts } from '../lowering/sparse-costs.ts';
import type { Backend } from '../runtime/backend.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../tensor.ts';
import { median } from './paired-ratios.ts';

/** A small graph, and what running it is made of. */
interface Probe {
  readonly units: Partial<SparseCosts>;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly output: Shape;
  /** Adds nodes; the last makes `y`. */
  readonly build: (builder: GraphBuilder) => void;
}

const REPEATS = 9;

// A batch of 1024 tokens, and matrices of BERT-base: a selection touches a quarter of the rows and a seventh of the
// columns, with a few thousand elements.
const TOKENS = 1024;
const WIDTH = 768;
const ROWS = 192;
const COLUMNS = 108;
const ELEMENTS = 2048;
const LINKS = 256;

/**
 * Measures what the steps of sparse gradients take on this machine, in some two seconds.
 *
 * @param now Milliseconds by the machine's clock.
 */
export async function measureCosts(backend: Backend, now: () => number): Promise<SparseCosts> {
  const timings: CostTiming[] = [];
  for (const probe of probes) timings.push(await time(probe, backend, now));
  return fitCosts(timings);
}

const probes: readonly Probe[] = [
  {
    units: { node: LINKS },
    inputs: { x: [1] },
    output: [1],
    build: (builder) => {
      let value = 'x';
      for (let i = 1; i < LINKS; i++) value = builder.op('Add', [value, 'x']);
      builder.op('Add', [value, 'x'], {}, 'y');
    },
  },
  product(WIDTH, WIDTH),
  product(ROWS, COLUMNS),
  {
    units: { pick: TOKENS * COLUMNS, node: 1 },
    inputs: { x: [TOKENS, WIDTH] },
    output: [TOKENS, COLUMNS],
    build: (builder) => gather(builder, scattered(COLUMNS, WIDTH), 1),
  },
  {
    units: { pick: ELEMENTS, node: 1 },
    inputs: { x: [WIDTH * WIDTH] },
    output: [ELEMENTS],
    build: (builder) => gather(builder, scattered(ELEMENTS, WIDTH * WIDTH), 0),
  },
  {
    units: { transpose: TOKENS * WIDTH, node: 1 },
    inputs: { x: [TOKENS, WIDTH] },
    output: [WIDTH, TOKENS],
    build: (builder) => void builder.op('Transpose', ['x'], { perm: ints([1, 0]) }, 'y'),
  },
  {
    units: { copy: ELEMENTS * TOKENS, node: 1 },
    inputs: { x: [WIDTH, TOKENS] },
    output: [ELEMENTS, TOKENS],
    build: (builder) => gather(builder, scattered(ELEMENTS, WIDTH), 0),
  },
  {
    units: { multiply: ELEMENTS * TOKENS, node: 1 },
    inputs: { x: [ELEMENTS, TOKENS], z: [ELEMENTS, TOKENS] },
    output: [ELEMENTS, TOKENS],
    build: (builder) => void builder.op('Mul', ['x', 'z'], {}, 'y'),
  },
  {
    units: { reduce: ELEMENTS * TOKENS, node: 1 },
    inputs: { x: [ELEMENTS, TOKENS] },
    output: [ELEMENTS],
    build: (builder) => void builder.op('ReduceSum', ['x', builder.ints([1])], { keepdims: int(0) }, 'y'),
  },
];

/** Lᵀ·R over all tokens. */
function product(rows: number, columns: number): Probe {
  return {
    units: { operation: 2 * TOKENS * rows * columns, node: 1 },
    inputs: { x: [TOKENS, rows], z: [TOKENS, columns] },
    output: [rows, columns],
    build: (builder) => void builder.op('Gemm', ['x', 'z'], { transA: int(1) }, 'y'),
  };
}

function gather(builder: GraphBuilder, indices: Int32Array, axis: number): void {
  builder.initializer('indices', { dtype: 'int32', shape: [indices.length], data: indices });
  builder.op('Gather', ['x', 'indices'], { axis: int(axis) }, 'y');
}

/** So many numbers below `extent`, ascending, spread over all of it. */
function scattered(count: number, extent: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => Math.floor((i * extent) / count));
}

async function time(probe: Probe, backend: Backend, now: () => number): Promise<CostTiming> {
  const builder = new GraphBuilder();
  for (const [name, shape] of Object.entries(probe.inputs)) builder.input({ name, dtype: 'float32', shape });
  probe.build(builder);
  const graph = builder.build('cost-probe', [{ name: 'y', dtype: 'float32', shape: probe.output }]);
  const executable = await backend.compile(specialize(graph, { dims: {}, variables: new Set() }));
  const feeds = new Map(Object.entries(probe.inputs).map(([name, shape]) => [name, numbers(shape)]));
  const results = new Map([['y', numbers(probe.output)]]);
  await executable.run(feeds, results);
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const startedAt = now();
    await executable.run(feeds, results);
    times.push(1e6 * (now() - startedAt));
  }
  await executable.release();
  return { units: probe.units, nanoseconds: median(times) };
}

function numbers(shape: Shape): Tensor<'float32'> {
  return float32(
    shape,
    new Float32Array(sizeOf(shape)).map((_, i) => (i % 101) / 101),
  );
}
