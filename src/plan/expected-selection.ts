import { layerOf } from '../methods/gspf/scopes.ts';
import type { Indices, Selection } from '../methods/selection.ts';
import { type Shape, sizeOf } from '../tensor.ts';

/**
 * Share of a selection's weights by place, and how many rows and columns of a matrix hold one, as measured on MiniLM
 * (docs/performance.md): the last layer has half, and a quarter of the rows and a seventh of the columns are touched.
 */
const LAST_LAYER = 0.5;
const OTHER_LAYERS = 0.25;
const TOUCHED_ROWS = 0.25;
const TOUCHED_COLUMNS = 0.14;

/**
 * A selection such as GSPF usually makes, without measuring anything: for predicting what training it would take.
 *
 * @param tensors The tensors to select from, in tensor order.
 * @param head Names of those that are trained whole.
 * @param budget Weights beside the head.
 */
export function expectedSelection(
  tensors: readonly { readonly name: string; readonly shape: Shape }[],
  head: ReadonlySet<string>,
  budget: number,
): Selection {
  const selection = new Map<string, Indices>();
  const body = tensors.filter(({ name }) => !head.has(name));
  for (const { name } of tensors) if (head.has(name)) selection.set(name, 'all');
  const layers = [...new Set(body.map(({ name }) => layerOf(name)).filter((layer) => /\.\d+$/.test(layer)))];
  const last = layers.sort(byNumbers).at(-1);
  const isInLayer = ({ name }: { name: string }): boolean => layers.includes(layerOf(name));
  const isLast = ({ name }: { name: string }): boolean => layerOf(name) === last;
  const places = [
    { share: LAST_LAYER, members: body.filter(isLast) },
    { share: OTHER_LAYERS, members: body.filter((tensor) => isInLayer(tensor) && !isLast(tensor)) },
    { share: 1 - LAST_LAYER - OTHER_LAYERS, members: body.filter((tensor) => !isInLayer(tensor)) },
  ].filter(({ members }) => members.length > 0);
  const shares = places.reduce((sum, { share }) => sum + share, 0);
  for (const { share, members } of places) {
    const total = members.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    for (const { name, shape } of members) {
      const size = sizeOf(shape);
      const indices = spread(shape, Math.min(size, Math.round(((share / shares) * budget * size) / total)));
      if (indices.length > 0) selection.set(name, indices.length === size ? 'all' : indices);
    }
  }
  return selection;
}

/** So many weights within the touched rows and columns of a matrix, evenly; ascending. */
function spread(shape: Shape, wanted: number): Int32Array {
  const rows = shape[0] ?? 1;
  const columns = sizeOf(shape.slice(1));
  const down = Math.min(rows, Math.max(Math.ceil(rows * TOUCHED_ROWS), Math.ceil(wanted / columns)));
  const across = Math.min(
    columns,
    Math.max(Math.ceil(columns * TOUCHED_COLUMNS), Math.ceil(wanted / Math.max(1, down))),
  );
  const indices: number[] = [];
  for (let i = 0; i < wanted; i++) {
    const place = Math.floor((i * down * across) / wanted);
    const row = Math.floor((Math.floor(place / across) * rows) / down);
    const column = Math.floor(((place % across) * columns) / across);
    indices.push(row * columns + column);
  }
  return Int32Array.from(new Set(indices)).sort();
}

const collator = new Intl.Collator('en', { numeric: true });

function byNumbers(a: string, b: string): number {
  return collator.compare(a, b);
}
