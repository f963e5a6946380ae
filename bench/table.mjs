// Figures as a table in Markdown, and its place in a document.

const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });

/** The table, with what it was measured on above it. */
export function tableOf(figures, { cpu, cores, threads, node, onnxruntime, torch, at }) {
  const programs = [`Node ${node}`, onnxruntime, ...(torch === undefined ? [] : [`PyTorch ${torch}`])];
  const lines = [
    `${at}, ${cores} cores of ${cpu}, ${threads} threads; ${programs.join(', ')}.`,
    '',
    '| | figure | beside | bar (aim) | ours ÷ theirs | 95 % interval | ours | theirs | pairs | holds |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...figures.map(rowOf),
  ];
  return `${lines.join('\n')}\n`;
}

function rowOf(figure) {
  const { id, says, peer = '–', bar, aim, ratio, ours, theirs, unit, pairs, holds, failed } = figure;
  const limit = bar === undefined ? '–' : `${bar < 0 ? '≥' : '≤'} ${bar} (${aim})`;
  const value = (measured) => (measured === undefined ? '–' : `${number.format(measured)} ${unit}`.trim());
  const cells = [
    `\`${id}\``,
    says + asides(figure),
    peer,
    limit.replaceAll('-', '−'),
    ratio === undefined ? difference(figure) : share(ratio.median),
    ratio === undefined ? '–' : `${share(ratio.lower)} to ${share(ratio.upper)}`,
    value(ours),
    value(theirs),
    `${pairs}`,
    [...(failed === undefined ? [] : [failed]), ...(holds === undefined ? [] : [holds])].join('; ') || '–',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

const share = (ratio) => (ratio === Number.POSITIVE_INFINITY ? '∞' : ratio.toFixed(3));

function difference({ difference: points }) {
  return points === undefined ? '–' : `${points.toFixed(2).replace('-', '−')} points`;
}

function asides({ outside, lessIdle }) {
  const parts = [
    ...(outside === undefined ? [] : [`${(100 * outside).toFixed(1)} % of it JavaScript`]),
    ...(lessIdle === undefined ? [] : [`less what an idle import takes: ${lessIdle.median.toFixed(3)}`]),
  ];
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/**
 * A document with the table between its markers.
 *
 * @throws an Error for a document without them.
 */
export function withTable(document, table) {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the document has no ${BEGIN} … ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${table}${document.slice(end)}`;
}
