import type { Batch } from '../data/batches.ts';
import type { StaticGraph } from '../graph/graph.ts';
import { peakLiveBytes } from '../lowering/live-memory.ts';
import type { Environment } from '../runtime/environment.ts';
import { type BatchShape, shapeKey } from '../runtime/shape-cache.ts';
import type { Passes } from '../training/passes.ts';
import type { Speeds } from './speeds.ts';
import { graphWork, workKinds } from './work.ts';

/** Lengths that a graph is looked at for; what lies between is interpolated. */
const SAMPLES = 4;

/** A run that keeps its memory beside one that does not: case A in docs/performance.md, 0.87 to 0.92. */
const KEPT_MEMORY_FACTOR = 0.88;

/** What a graph takes for batches of different lengths. */
export interface ShapeCosts {
  /** Milliseconds of one run. */
  readonly msOf: (batch: Batch) => number;
  /** Most bytes of intermediate values over all batches, those of shapes that keep their memory added up. */
  readonly liveBytes: number;
  /** Milliseconds until there is a session for each shape. */
  readonly compileMs: number;
  /** How many shapes they have. */
  readonly shapes: number;
}

/**
 * Predicts what a graph takes for batches, from its form for a few of their lengths.
 *
 * @param graphOf The graph for a shape.
 * @param environment To time how long a session takes to make.
 * @param memory Whether memory is retained from run to run, and else for which shapes it is kept.
 */
export async function shapeCosts(
  batches: readonly Batch[],
  graphOf: (shape: BatchShape) => StaticGraph,
  speeds: Speeds['graph'],
  { backend, now }: Pick<Environment, 'backend' | 'now'>,
  { retainsMemory, keepsMemory }: Pick<Passes, 'retainsMemory' | 'keepsMemory'>,
): Promise<ShapeCosts> {
  const rows = Math.max(1, ...batches.map((batch) => batch.rows.length));
  const shapes = [...new Map(batches.map(shapeOf).map((shape) => [shapeKey(shape), shape])).values()];
  const lengths = [...new Set(batches.map(({ length }) => length))].sort((a, b) => a - b);
  const samples = sample(lengths).map((sequence) => {
    const graph = graphOf({ batch: rows, sequence });
    const work = graphWork(graph);
    const ms = workKinds.reduce((sum, kind) => sum + work[kind] * speeds[kind], 0);
    return { sequence, ms, liveBytes: peakLiveBytes(graph) };
  });
  // A graph of the middle is made, and a session of it: it is not run.
  const compiledFrom = now();
  const graph = graphOf({ batch: rows, sequence: lengths[lengths.length >> 1] ?? 1 });
  await (await backend.compile(graph)).release();
  const compileMs = now() - compiledFrom;
  const at = (what: 'ms' | 'liveBytes', { batch, sequence }: BatchShape): number => {
    const above = samples.find((other) => other.sequence >= sequence) ?? samples.at(-1);
    const below = samples.findLast((other) => other.sequence <= sequence) ?? above;
    if (above === undefined || below === undefined) return 0;
    const between = above.sequence - below.sequence;
    const part = between === 0 ? 0 : (sequence - below.sequence) / between;
    return ((below[what] + part * (above[what] - below[what])) * batch) / rows;
  };
  const kept = shapes.filter(keepsMemory);
  const others = shapes.filter((shape) => !keepsMemory(shape));
  return {
    msOf: (batch) => {
      const shape = shapeOf(batch);
      return at('ms', shape) * (retainsMemory || keepsMemory(shape) ? KEPT_MEMORY_FACTOR : 1);
    },
    liveBytes:
      kept.reduce((sum, shape) => sum + at('liveBytes', shape), 0) +
      Math.max(0, ...others.map((shape) => at('liveBytes', shape))),
    compileMs: compileMs * shapes.length,
    shapes: shapes.length,
  };
}

function shapeOf({ rows, length }: Batch): BatchShape {
  return { batch: rows.length, sequence: length };
}

/** A few of ascending numbers, the first and last among them. */
function sample(values: readonly number[]): readonly number[] {
  if (values.length <= SAMPLES) return values;
  const at = Array.from({ length: SAMPLES }, (_, i) => Math.round((i * (values.length - 1)) / (SAMPLES - 1)));
  return at.flatMap((i) => values[i] ?? []);
}
