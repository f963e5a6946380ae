import type { GspfError } from '../errors.ts';
import { type Dim, describeNode, type ValueInfo } from '../graph/graph.ts';
import type { ModelFile } from '../onnx/decode.ts';
import { rewrittenTypes } from '../ops/rewrites.ts';
import { isOpType } from '../ops/table.ts';
import type { Shape } from '../tensor.ts';
import { type ImportOptions, importGraph } from './import.ts';
import type { Tie } from './ties.ts';

/** A graph input or output. */
export interface ReportedValue {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly Dim[];
}

/** An initializer that would be trained. */
export interface ReportedWeight {
  readonly name: string;
  /** Its element type in the file. */
  readonly dtype: string;
  readonly shape: Shape;
  /** Its number of elements. */
  readonly size: number;
}

/** An initializer that would be left alone. */
export interface ReportedConstant {
  readonly name: string;
  readonly shape: Shape;
  readonly reason: string;
}

/** What an ONNX file is to training. */
export interface ModelReport {
  readonly producer: string;
  readonly opset: number;
  readonly irVersion: number;
  readonly nodes: number;
  readonly inputs: readonly ReportedValue[];
  readonly outputs: readonly ReportedValue[];
  readonly weights: readonly ReportedWeight[];
  readonly ties: readonly Tie[];
  /** Names of those that the file has as quantised integers. */
  readonly quantized: readonly string[];
  /** Matrices of 8-bit integers that are multiplied or looked up as such: no gradient reaches them. */
  readonly integers: readonly ReportedWeight[];
  /** Float tensors that have a gradient but are no weights. */
  readonly constants: readonly ReportedConstant[];
  /** Float tensors without a gradient. */
  readonly unreached: readonly ReportedConstant[];
  /** Why the model cannot be trained as it is: operators that gspf lacks, one sentence for each kind. */
  readonly refused: readonly string[];
}

/**
 * What would be trained of a model, and what not, for which reason.
 *
 * @param refused What decoding found that gspf does not read.
 */
export function reportModel(
  { graph: file, opset, irVersion, producer }: ModelFile,
  refused: readonly GspfError[],
  options: ImportOptions = {},
): ModelReport {
  const { graph, roles, weights, ties, stored, quantized } = importGraph(file, options);
  const left = (kind: 'constant' | 'unreached'): ReportedConstant[] =>
    [...roles].flatMap(([name, role]) =>
      role.kind === kind
        ? [{ name, shape: graph.initializers.get(name)?.shape ?? [], reason: role.reason }]
        : [],
    );
  return {
    producer,
    opset,
    irVersion,
    nodes: file.nodes.length,
    inputs: file.inputs.map(reportedValue),
    outputs: file.outputs.map(reportedValue),
    weights: [...weights].map(([name, { dtype, shape, data }]) => ({
      name,
      dtype: quantized.get(name) ?? stored.get(name)?.dtype ?? dtype,
      shape,
      size: data.length,
    })),
    ties,
    quantized: [...quantized.keys()].filter((name) => weights.has(name)),
    integers: [...graph.initializers].flatMap(([name, { dtype, shape, data }]) =>
      (dtype === 'int8' || dtype === 'uint8') && shape.length > 1
        ? [{ name, dtype, shape, size: data.length }]
        : [],
    ),
    constants: left('constant'),
    unreached: left('unreached'),
    refused: [...new Set([...refused.map(({ message }) => message), ...missingOperators(file)])],
  };
}

function reportedValue({ name, dtype, shape }: ValueInfo): ReportedValue {
  return { name, dtype, shape };
}

/** A sentence for each operator that the table lacks: its first node, and how many there are. */
function missingOperators({ nodes }: ModelFile['graph']): string[] {
  const missing = nodes.filter(
    ({ opType }) => !isOpType(opType) && !rewrittenTypes.includes(opType) && !opType.includes('.'),
  );
  const first = new Map(missing.toReversed().map((node) => [node.opType, node]));
  return [...first.values()].reverse().map((node) => {
    const count = missing.filter(({ opType }) => opType === node.opType).length;
    return `${describeNode(node)}${count === 1 ? '' : ` and ${count - 1} more`}: gspf lacks this operator`;
  });
}
