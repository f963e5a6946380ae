import { GspfError } from '../../errors.ts';
import type { Granularity } from '../../options/options.ts';
import type { Shape } from '../../tensor.ts';
import { sizeOf } from '../../tensor.ts';
import type { Scorer } from './scores.ts';

/** A tensor as a matrix [d₀, d₁·d₂·…], cut into groups of height × width from the top left corner. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  readonly height: number;
  readonly width: number;
  readonly down: number;
  readonly across: number;
}

/**
 * The groups of a tensor; those at the edges may be smaller. A vector is a single column.
 *
 * @throws `usage/option` for a granularity that is none.
 */
export function gridOf(shape: Shape, granularity: Granularity): Grid {
  const rows = shape[0] ?? 1;
  const columns = sizeOf(shape.slice(1));
  const [height, width] = groupExtent(rows, columns, granularity);
  return {
    rows,
    columns,
    height,
    width,
    down: Math.ceil(rows / height),
    across: Math.ceil(columns / width),
  };
}

function groupExtent(rows: number, columns: number, granularity: Granularity): readonly [number, number] {
  if (granularity === 'element') return [1, 1];
  if (granularity === 'row') return [1, columns];
  if (granularity === 'column') return [rows, 1];
  const [, height, width] = /^block:([1-9]\d*)x([1-9]\d*)$/.exec(granularity) ?? [];
  if (height === undefined || width === undefined) {
    throw new GspfError('usage/option', {
      subject: 'select.granularity',
      expected: 'element, row, column, or block:RxC such as block:4x4',
      got: `"${granularity}"`,
    });
  }
  return [Number(height), Number(width)];
}

/** Number of weights of a group; groups are numbered row by row. */
export function groupSize({ rows, columns, height, width, across }: Grid, group: number): number {
  const top = Math.floor(group / across) * height;
  const left = (group % across) * width;
  return Math.min(height, rows - top) * Math.min(width, columns - left);
}

const CHUNK = 1 << 16;

/** The mean score of each group: `[down · across]`. */
export function groupMeans(tensor: string, grid: Grid, scorer: Scorer): Float64Array {
  const { rows, columns, height, width, down, across } = grid;
  const means = new Float64Array(down * across);
  const size = rows * columns;
  for (let start = 0; start < size; start += CHUNK) {
    const scores = new Float64Array(Math.min(CHUNK, size - start));
    scorer(tensor, start, scores);
    let row = Math.floor(start / columns);
    let column = start % columns;
    for (const score of scores) {
      const group = Math.floor(row / height) * across + Math.floor(column / width);
      means[group] = (means[group] ?? 0) + score;
      if (++column === columns) {
        column = 0;
        row++;
      }
    }
  }
  for (let group = 0; group < means.length; group++) {
    means[group] = (means[group] ?? 0) / groupSize(grid, group);
  }
  return means;
}

/** The ascending flat indices of the weights of some groups; not a copy where groups are elements. */
export function weightsOfGroups(grid: Grid, groups: Int32Array): Int32Array {
  const { rows, columns, height, width, down, across } = grid;
  if (height === 1 && width === 1) return groups;
  const flags = new Uint8Array(down * across);
  let length = 0;
  for (const group of groups) {
    flags[group] = 1;
    length += groupSize(grid, group);
  }
  const indices = new Int32Array(length);
  let position = 0;
  for (let row = 0; row < rows && position < length; row++) {
    const first = Math.floor(row / height) * across;
    for (let step = 0; step < across; step++) {
      if (flags[first + step] === 0) continue;
      const end = Math.min(columns, (step + 1) * width);
      for (let column = step * width; column < end; column++) indices[position++] = row * columns + column;
    }
  }
  return indices;
}
