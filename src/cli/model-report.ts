import type { ModelReport, ReportedConstant, ReportedValue } from '../imported/report.ts';
import { alignColumns, formatCount, formatShare, plural } from './format.ts';

/** What an ONNX file is to training, as tables. */
export function modelReportText(path: string, report: ModelReport): string {
  const { producer, opset, irVersion, nodes, inputs, outputs, weights, ties, quantized, integers, refused } =
    report;
  const total = weights.reduce((sum, { size }) => sum + size, 0);
  const head = alignColumns([
    ['model', path],
    ['written by', producer === '' ? 'it does not say' : producer],
    ['opset', `${opset} (IR version ${irVersion}), ${plural(nodes, 'node')}`],
    ...valueRows('input', inputs),
    ...valueRows('output', outputs),
  ]);
  const table = alignColumns(
    [
      ['trained', 'type', 'weights', 'share'],
      ...weights.map(({ name, dtype, shape, size }) => [
        name,
        `${dtype}[${shape.join(', ')}]`,
        formatCount(size),
        formatShare(size / total),
      ]),
      [plural(weights.length, 'tensor'), '', formatCount(total), ''],
    ],
    { right: [2, 3] },
  );
  return [
    head,
    weights.length === 0 ? 'Nothing in it can be trained.' : table,
    ...section(
      'Tied in the model, it seems: each holds the values of another, and is trained on its own unless graph.tie is true',
      ties.map(({ name, of, transposed }) => [name, `${of}${transposed ? ', transposed' : ''}`]),
    ),
    ...section(
      'Quantised in the file, trained as float32, which is how gspf export --format onnx writes them',
      countedRow(quantized),
    ),
    ...section(
      'Multiplied or looked up as 8-bit integers, and left as they are',
      countedRow(integers.map(({ name }) => name)),
    ),
    ...section('No gradient reaches', constantRows(report.unreached)),
    ...section('Left alone, as constants', constantRows(report.constants)),
    ...section(
      'In the way of training',
      refused.map((sentence) => [sentence]),
    ),
  ].join('\n\n');
}

function valueRows(label: string, values: readonly ReportedValue[]): string[][] {
  return values.map(({ name, dtype, shape }, i) => [
    i === 0 ? `${label}${values.length === 1 ? '' : 's'}` : '',
    `${name}: ${dtype}[${shape.join(', ')}]`,
  ]);
}

/** Names of one reason that are told one by one; more of them are counted. */
const TOLD = 4;

/** One row: how many there are, and the first of them. */
function countedRow(names: readonly string[]): string[][] {
  if (names.length === 0) return [];
  const rest = names.length > TOLD ? [`${names.length - TOLD} more`] : [];
  return [[`${names.length}`, [...names.slice(0, TOLD), ...rest].join(', ')]];
}

/** A row for each reason: the reason, and what it holds for. */
function constantRows(constants: readonly ReportedConstant[]): string[][] {
  const byReason = new Map<string, ReportedConstant[]>();
  for (const constant of constants) {
    byReason.set(constant.reason, [...(byReason.get(constant.reason) ?? []), constant]);
  }
  return [...byReason].map(([reason, members]) => {
    const told = members.slice(0, TOLD).map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
    const rest = members.length > TOLD ? [`${members.length - TOLD} more`] : [];
    return [`${members.length}`, reason, [...told, ...rest].join(', ')];
  });
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : [`${title}:\n${alignColumns(rows, { indent: '  ' })}`];
}
