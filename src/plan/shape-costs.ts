import type { Batch } from '../data/batches.ts';
import type { StaticGraph } from '../graph/graph.ts';
import { peakLiveBytes } from '../lowering/live-memory.ts';
import type { Environment } from '../runtime/environment.ts';
import type { BatchShape } from '../runtime/shape-cache.ts';
import type { Speeds } from './speeds.ts';
import { graphWork, workKinds } from './work.ts';

/** Lengths that a graph is looked at for; what lies between is interpolated. */
const SAMPLES = 4;

/** What a graph takes for batches of different lengths. */
export interface ShapeCosts {
  /** Milliseconds of one run. */
  readonly msOf: (batch: Batch) => number;
  /** Most bytes of intermediate values over all batches. */
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
 */
export async function shapeCosts(
  batches: readonly Batch[],
  graphOf: (shape: BatchShape) => StaticGraph,
  speeds: Speeds['graph'],
  { backend, now }: Pick<Environment, 'backend' | 'now'>,
): Promise<ShapeCosts> {
  const rows = Math.max(1, ...batches.map((batch) => batch.rows.length));
  const shapes = new Set(batches.map((batch) => `${batch.rows.length}x${batch.length}`));
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
  const msAt = (length: number): number => {
    const above = samples.find(({ sequence }) => sequence >= length) ?? samples.at(-1);
    const below = samples.findLast(({ sequence }) => sequence <= length) ?? above;
    if (above === undefined || below === undefined) return 0;
    if (above.sequence === below.sequence) return above.ms;
    const part = (length - below.sequence) / (above.sequence - below.sequence);
    return below.ms + part * (above.ms - below.ms);
  };
  return {
    msOf: (batch) => (msAt(batch.length) * batch.rows.length) / rows,
    liveBytes: Math.max(0, ...samples.map(({ liveBytes }) => liveBytes)),
    compileMs: compileMs * shapes.size,
    shapes: shapes.size,
  };
}

/** A few of ascending numbers, the first and last among them. */
function sample(values: readonly number[]): readonly number[] {
  if (values.length <= SAMPLES) return values;
  const at = Array.from({ length: SAMPLES }, (_, i) => Math.round((i * (values.length - 1)) / (SAMPLES - 1)));
  return at.flatMap((i) => values[i] ?? []);
}
