import type { SelectionCell, SelectionMap } from '../methods/gspf/selection-map.ts';

const CELL = { width: 52, height: 22 };
const FONT = 'font-family="Helvetica, Arial, sans-serif"';
/** From nothing to everything: perceptually even, readable in grey. */
const RAMP = [
  [247, 251, 255],
  [198, 219, 239],
  [107, 174, 214],
  [33, 113, 181],
  [8, 48, 107],
] as const;

/**
 * A figure of where selected weights lie, as SVG text: tensor types × layers, each cell the tensor's share of the
 * selection in per cent, coloured on a logarithmic scale. Tensors outside of layers stand below.
 */
export function heatMapSvg(map: SelectionMap, title: string): string {
  const labels = [...map.types.map(({ type }) => type), ...map.others.map(({ tensor }) => tensor)];
  const left = 24 + 6.6 * Math.max(0, ...labels.map((label) => label.length));
  const top = 72;
  const columns = Math.max(1, map.layers.length);
  const gap = map.others.length === 0 || map.types.length === 0 ? 0 : 12;
  const otherTop = top + CELL.height * map.types.length + gap;
  const width = Math.ceil(left + CELL.width * columns + 24);
  const height = Math.ceil(otherTop + CELL.height * map.others.length + 24);
  const x = (column: number): number => left + CELL.width * column;
  const parts = [
    text(16, 26, title, { size: 15, weight: 'bold' }),
    text(
      16,
      46,
      `${count(map.selected)} of ${count(map.weights)} weights; per cent of the selection by tensor and layer`,
      {
        fill: '#555',
      },
    ),
    ...map.layers.map((layer, column) =>
      text(x(column) + CELL.width / 2, top - 6, lastPart(layer), { anchor: 'middle' }),
    ),
    ...map.types.flatMap(({ type, cells }, row) => {
      const y = top + CELL.height * row;
      return [
        label(left, y, type),
        ...cells.map((cell, column) => (cell === null ? '' : square(x(column), y, cell, map.selected))),
      ];
    }),
    ...map.others.flatMap((cell, row) => {
      const y = otherTop + CELL.height * row;
      return [label(left, y, cell.tensor), square(left, y, cell, map.selected)];
    }),
  ].filter((part) => part !== '');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function label(left: number, y: number, name: string): string {
  return text(left - 8, y + CELL.height / 2 + 4, name, { anchor: 'end' });
}

function square(x: number, y: number, { tensor, selected, weights }: SelectionCell, total: number): string {
  const share = total === 0 ? 0 : selected / total;
  const depth = depthOf(share);
  const hint = `<title>${escapeXml(`${tensor}: ${count(selected)} of ${count(weights)} weights`)}</title>`;
  const box = `<rect x="${x}" y="${y}" width="${CELL.width - 2}" height="${CELL.height - 2}" fill="${colorAt(depth)}"/>`;
  const fill = depth > 0.55 ? 'white' : '#333';
  const number = selected === 0 ? '' : percent(share);
  return `<g>${hint}${box}${text(x + CELL.width / 2 - 1, y + CELL.height / 2 + 3, number, { anchor: 'middle', fill })}</g>`;
}

/** 0.01 % of the selection and less are white, all of it is darkest; logarithmic between. */
function depthOf(share: number): number {
  return share === 0 ? 0 : Math.min(1, Math.max(0, 1 + Math.log10(share) / 4));
}

function colorAt(depth: number): string {
  const place = depth * (RAMP.length - 1);
  const [low, high] = [RAMP[Math.floor(place)] ?? RAMP[0], RAMP[Math.ceil(place)] ?? RAMP[0]];
  const channels = low.map((from, i) => Math.round(from + (place % 1) * ((high[i] ?? from) - from)));
  return `rgb(${channels.join(',')})`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function percent(share: number): string {
  const value = 100 * share;
  if (value < 0.01) return '<0.01';
  return value.toFixed(value >= 9.95 ? 0 : value >= 0.995 ? 1 : 2);
}

interface TextStyle {
  readonly size?: number;
  readonly weight?: string;
  readonly anchor?: string;
  readonly fill?: string;
}

function text(x: number, y: number, content: string, style: TextStyle): string {
  if (content === '') return '';
  const { size = 11, weight = 'normal', anchor = 'start', fill = '#222' } = style;
  return `<text x="${x}" y="${y}" ${FONT} font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${fill}">${escapeXml(content)}</text>`;
}

function lastPart(layer: string): string {
  return layer.split('.').slice(-1).join('.');
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
