import { GraphBuilder } from '../graph/builder.ts';
import type { Graph } from '../graph/graph.ts';
import { int, ints, string } from '../graph/graph.ts';
import { accumulate, createStatistics } from '../methods/gspf/statistics.ts';
import { adamwStep, createAdamWState } from '../optim/adamw.ts';
import { Arena } from '../optim/arena.ts';
import { sgdStep } from '../optim/sgd.ts';
import type { Backend } from '../runtime/backend.ts';
import { specialize } from '../specialize/specialize.ts';
import { float32, int64, type Shape, type Tensor } from '../tensor.ts';
import { graphWork, noWork, type WorkKind, workKinds } from './work.ts';

/** Milliseconds that a machine takes for one unit of each kind of work, and for one weight of each kind of update. */
export interface Speeds {
  readonly graph: Readonly<Record<WorkKind, number>>;
  readonly update: {
    /** AdamW on a tensor that is trained whole, the norm of its gradient included; on rows that never had a gradient. */
    readonly whole: number;
    readonly untouched: number;
    /** AdamW on selected weights. */
    readonly selected: number;
    readonly sgd: number;
    /** Adding |g| to a sum. */
    readonly accumulate: number;
  };
}

/** Links of a chain, and how often it is timed. */
const LINKS = 8;
const REPEATS = 5;

/** Measures a machine with small graphs, none of them a model's: some two seconds. */
export async function measureSpeeds(backend: Backend, now: () => number): Promise<Speeds> {
  const graph: Record<WorkKind, number> = { ...noWork };
  const nodes = await timeGraph(backend, now, chain('node', [1], LINKS * 32));
  graph.node = nodes.ms / nodes.work.node;
  // What a chain holds beside its own kind is of a kind that was measured before.
  for (const kind of workKinds) {
    if (kind === 'node') continue;
    const { ms, work } = await timeGraph(backend, now, chain(kind, shapes[kind], LINKS));
    const beside = workKinds.reduce(
      (sum, other) => sum + (other === kind ? 0 : work[other] * graph[other]),
      0,
    );
    graph[kind] = Math.max(0, ms - beside) / work[kind];
  }
  return { graph, update: measureUpdates(now) };
}

/** Of the value that goes through the chain: too large for a core's own cache, as activations are. */
const shapes: Readonly<Record<Exclude<WorkKind, 'node'>, Shape>> = {
  product: [1024, 512],
  smallProduct: [384, 32, 32],
  elementwise: [1024, 1024],
  transcendental: [1024, 1024],
  normalization: [2048, 384],
  reduction: [4096, 256],
  movement: [8192, 128],
  transpose: [1024, 1024],
  pick: [1024, 512],
  scatter: [1 << 14, 64],
};

/** A chain of nodes of one kind; its output is a single number, so that nothing is copied. */
function chain(kind: WorkKind, shape: Shape, links: number): Graph {
  const builder = new GraphBuilder();
  const input = (name: string, extents: Shape): string =>
    builder.input({ name, dtype: 'float32', shape: extents });
  let value = input('x', shape);
  const width = shape.at(-1) ?? 1;
  for (let i = 0; i < links; i++) {
    switch (kind) {
      case 'product':
        value = builder.op('MatMul', [value, i === 0 ? input('weight', [width, width]) : 'weight']);
        break;
      case 'smallProduct':
        value = builder.op('MatMul', [value, 'x']);
        break;
      case 'transcendental':
        value = builder.op('Erf', [value]);
        break;
      case 'normalization':
        value = builder.op('LayerNormalization', [value, i === 0 ? input('gain', [width]) : 'gain'], {
          axis: int(-1),
        });
        break;
      case 'reduction':
        value = builder.op('Mul', ['x', builder.op('ReduceSum', [value, builder.ints([0])])]);
        break;
      case 'movement':
        // Not Transpose: the runtime would make one of them all.
        value = builder.op('Gather', [value, builder.ints(shuffled(shape[0] ?? 1))], { axis: int(0) });
        break;
      case 'transpose':
        value = builder.op('Add', [builder.op('Transpose', [value], { perm: ints([1, 0]) }), 'x']);
        break;
      case 'pick':
        value = builder.op('Gather', [value, builder.ints(shuffled(width))], { axis: int(1) });
        break;
      case 'scatter': {
        const reduction = string('add');
        if (i === 0) builder.initializer('rows', scatteredRows(shape));
        value = builder.op('ScatterElements', [value, 'rows', 'x'], { axis: int(0), reduction });
        break;
      }
      default:
        value = builder.op('Add', [value, 'x']);
    }
  }
  const ones = builder.ints(shape.map(() => 1));
  const zeros = builder.ints(shape.map(() => 0));
  const first = builder.op('Slice', [value, zeros, ones], {}, 'first');
  return builder.build(`speed-${kind}`, [{ name: first, dtype: 'float32', shape: shape.map(() => 1) }]);
}

/** All numbers below n, in another order. */
function shuffled(n: number): number[] {
  return Array.from({ length: n }, (_, i) => (i * 7919) % n);
}

/** For each element a row, as tokens ask for rows of an embedding. */
function scatteredRows([rows = 1, columns = 1]: Shape): Tensor {
  const each = Array.from({ length: rows * columns }, (_, i) => (Math.floor(i / columns) * 7919) % rows);
  return int64([rows, columns], each);
}

async function timeGraph(
  backend: Backend,
  now: () => number,
  graph: Graph,
): Promise<{ ms: number; work: ReturnType<typeof graphWork> }> {
  const fixed = specialize(graph, { dims: {}, variables: new Set() });
  const executable = await backend.compile(fixed);
  const feeds = new Map<string, Tensor>(
    fixed.inputs.map(({ name, shape }) => {
      const extents = shape.map(Number);
      const size = extents.reduce((a, b) => a * b, 1);
      return [
        name,
        float32(
          extents,
          new Float32Array(size).map((_, i) => ((i * 37) % 101) / 5000),
        ),
      ];
    }),
  );
  const results = new Map(
    fixed.outputs.map(({ name, shape }) => [name, float32(shape.map(Number), new Float32Array(1))]),
  );
  await executable.run(feeds, results);
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    const startedAt = now();
    await executable.run(feeds, results);
    times.push(now() - startedAt);
  }
  await executable.release();
  return { ms: median(times), work: graphWork(fixed) };
}

/** Weights that the updates are timed on. */
const WEIGHTS = 1 << 21;
/** One weight of so many stands for a selected one. */
const SELECTED_OF = 64;

function measureUpdates(now: () => number): Speeds['update'] {
  const arena = new Arena([WEIGHTS, WEIGHTS, WEIGHTS, WEIGHTS]);
  const array = (): Float32Array => arena.array(WEIGHTS);
  const [weights, gradient, m, v] = [array(), array(), array(), array()];
  for (let i = 0; i < WEIGHTS; i++) {
    weights[i] = (i % 13) / 100;
    gradient[i] = (i % 7) / 1000;
  }
  const selected = Int32Array.from({ length: WEIGHTS / SELECTED_OF }, (_, i) => i * SELECTED_OF);
  const state = createAdamWState(selected.length);
  const statistics = createStatistics('absolute', new Map([['w', WEIGHTS]]));
  const time = (update: () => void): number => {
    update();
    const times = Array.from({ length: REPEATS }, () => {
      const startedAt = now();
      update();
      return now() - startedAt;
    });
    return median(times);
  };
  const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, scale: 1 };
  const whole = { ...adam, rate: 1e-5, correction: 1, decay: 1e-7 };
  const sparse = { ...adam, lr: 1e-5, decay: 0.01 };
  const sgd = { lr: 1e-5, momentum: 0, nesterov: false, decay: 0, scale: 1 };
  return {
    whole:
      time(() => {
        arena.sumOfSquares(gradient);
        arena.adamw(weights, gradient, m, v, whole);
      }) / WEIGHTS,
    untouched: time(() => arena.adamwUntouched(weights, whole)) / WEIGHTS,
    selected: time(() => adamwStep(weights, selected, gradient, state, sparse)) / selected.length,
    sgd: time(() => sgdStep(weights, 'all', gradient, null, sgd)) / WEIGHTS,
    accumulate: time(() => accumulate(statistics, 'w', gradient)) / WEIGHTS,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
