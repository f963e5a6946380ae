import { intAttribute } from '../graph/attributes.ts';
import type { Node, StaticGraph } from '../graph/graph.ts';
import { numbersOf } from '../ops/shapes.ts';
import { float32, int64, sizeOf, type Tensor, type TensorType } from '../tensor.ts';

/**
 * The same graph with a product 1ᵀ·X in place of each ReduceSum that adds up the rows of a matrix X, as gradients of biases
 * do: onnxruntime's CPU kernel of ReduceSum takes two to three times as long.
 *
 * A value of more axes is such a matrix where the axes that are added up come first.
 */
export function withColumnSums(graph: StaticGraph): StaticGraph {
  const types = new Map(graph.types);
  const initializers = new Map(graph.initializers);
  const constant = (name: string, tensor: Tensor): string => {
    initializers.set(name, tensor);
    types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  };
  const reshaped = (x: string, output: string, shape: readonly number[]): Node => {
    const to = constant(`column sums/shape ${shape}`, int64([shape.length], shape));
    types.set(output, { dtype: 'float32', shape });
    return { name: output, opType: 'Reshape', inputs: [x, to], outputs: [output], attributes: {} };
  };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const sum = columnSum(node, graph);
    if (sum === undefined) return [node];
    const { x, rows, columns, result } = sum;
    const [output = ''] = node.outputs;
    const ones = constant(`column sums/ones ${rows}`, float32([1, rows], new Float32Array(rows).fill(1)));
    const isMatrix = x.shape.length === 2;
    const isRow = `${result}` === `1,${columns}`;
    const matrix = isMatrix ? (node.inputs[0] ?? '') : `${output}/matrix`;
    const row = isRow ? output : `${output}/row`;
    types.set(row, { dtype: 'float32', shape: [1, columns] });
    return [
      ...(isMatrix ? [] : [reshaped(node.inputs[0] ?? '', matrix, [rows, columns])]),
      { name: row, opType: 'MatMul', inputs: [ones, matrix], outputs: [row], attributes: {} },
      ...(isRow ? [] : [reshaped(row, output, result)]),
    ];
  });
  return { ...graph, nodes, initializers, types };
}

/** What a node adds up, where that are the rows of a matrix of float32. */
function columnSum(node: Node, { types, initializers }: StaticGraph) {
  if (node.opType !== 'ReduceSum') return undefined;
  const x: TensorType | undefined = types.get(node.inputs[0] ?? '');
  const axes = initializers.get(node.inputs[1] ?? '');
  if (x?.dtype !== 'float32' || axes === undefined) return undefined;
  const rank = x.shape.length;
  const summed = new Set(numbersOf(axes).map((axis) => (axis + rank) % rank));
  const lead = summed.size;
  if (lead === 0 || lead === rank || [...summed].some((axis) => axis >= lead)) return undefined;
  const kept = x.shape.slice(lead);
  const [rows, columns] = [sizeOf(x.shape.slice(0, lead)), sizeOf(kept)];
  const keepsAxes = intAttribute(node, 'keepdims', 1) !== 0;
  const result = keepsAxes ? [...x.shape.slice(0, lead).map(() => 1), ...kept] : kept;
  return { x, rows, columns, result };
}
