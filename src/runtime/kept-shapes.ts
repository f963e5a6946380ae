import { type BatchShape, shapeKey } from './shape-cache.ts';

/** What the kept memory of all shapes may come to, as a multiple of what the largest shape needs. */
const ROOM = 1.5;

/**
 * The shapes whose graphs keep their memory between runs (see `CompileOptions.keepsMemory`): those that are met most
 * often, as many as hold together no more positions than one and a half batches of the largest shape. Of shapes that are
 * met equally often the one of fewer positions comes first, then of the shorter rows.
 *
 * @param met The shape of every run, in any order.
 * @returns their keys, see {@link shapeKey}
 */
export function shapesToKeep(met: Iterable<BatchShape>): ReadonlySet<string> {
  const shapes = new Map<string, { readonly positions: number; readonly length: number; runs: number }>();
  for (const shape of met) {
    const key = shapeKey(shape);
    const found = shapes.get(key) ?? {
      positions: shape.batch * shape.sequence,
      length: shape.sequence,
      runs: 0,
    };
    found.runs += 1;
    shapes.set(key, found);
  }
  let room = ROOM * Math.max(0, ...[...shapes.values()].map(({ positions }) => positions));
  const kept = new Set<string>();
  const byUse = [...shapes].sort(
    ([, a], [, b]) => b.runs - a.runs || a.positions - b.positions || a.length - b.length,
  );
  for (const [key, { positions }] of byUse) {
    room -= positions;
    if (room < 0) break;
    kept.add(key);
  }
  return kept;
}
