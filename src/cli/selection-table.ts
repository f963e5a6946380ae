import type { SelectionCell, SelectionMap } from '../methods/gspf/selection-map.ts';
import { alignColumns } from './format.ts';

/** Where selected weights lie, in per cent of the selection: tensor types × layers, and their sums. */
export function selectionTable(map: SelectionMap): string {
  const share = (cells: readonly (SelectionCell | null)[]): string => {
    const selected = cells.reduce((sum, cell) => sum + (cell?.selected ?? 0), 0);
    return percent(selected / Math.max(1, map.selected));
  };
  const inLayer = (column: number): (SelectionCell | null)[] =>
    map.types.map(({ cells }) => cells[column] ?? null);
  const layers = map.layers.map((layer) => layer.split('.').at(-1) ?? layer);
  const rows: string[][] = [];
  if (map.types.length > 0) {
    rows.push(['% of the selection, by layer', ...layers, 'all']);
    for (const { type, cells } of map.types) {
      rows.push([type, ...cells.map((cell) => (cell === null ? '' : share([cell]))), share(cells)]);
    }
    const all = map.types.flatMap(({ cells }) => cells);
    rows.push(['all of these', ...layers.map((_, column) => share(inLayer(column))), share(all)]);
  }
  const blank = layers.map(() => '');
  for (const cell of map.others) rows.push([cell.tensor, ...blank, share([cell])]);
  const right = Array.from({ length: layers.length + 1 }, (_, column) => column + 1);
  return alignColumns(rows, { right });
}

/** `12.3`, `0.4`, `<0.1`, or `·` for nothing. */
function percent(share: number): string {
  if (share === 0) return '·';
  return share < 0.0005 ? '<0.1' : (100 * share).toFixed(1);
}
