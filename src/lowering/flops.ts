import { intAttribute } from '../graph/attributes.ts';
import type { Node, StaticGraph } from '../graph/graph.ts';
import { type Shape, sizeOf } from '../tensor.ts';

/** What a matrix product takes. */
export interface ProductWork {
  /** Floating-point operations: two for each multiplication and its addition. */
  readonly operations: number;
  /** Products that it is a stack of. */
  readonly matrices: number;
}

const products = new Set(['Gemm', 'MatMul', 'MatMulInteger']);

/** The work of a node that is a matrix product; undefined for others. */
export function productWork(node: Node, shapeOf: (value: string) => Shape): ProductWork | undefined {
  const { opType, inputs, outputs } = node;
  if (!products.has(opType)) return undefined;
  const left = shapeOf(inputs[0] ?? '');
  const result = shapeOf(outputs[0] ?? '');
  const isTransposed = opType === 'Gemm' && intAttribute(node, 'transA', 0) !== 0;
  const inner = (isTransposed ? left.at(-2) : left.at(-1)) ?? 1;
  return {
    operations: 2 * sizeOf(result) * inner,
    matrices: opType === 'Gemm' ? 1 : sizeOf(result.slice(0, -2)),
  };
}

/**
 * Floating-point operations of a graph's matrix products by depth.
 *
 * A product lies as deep as the deepest weight that it depends on, −1 without any, so that the products of attention belong
 * to the layer whose projections they multiply.
 *
 * @param depthOf The depth of a weight, from −1; undefined for what is no weight.
 */
export function operationsByDepth(
  graph: StaticGraph,
  depthOf: (name: string) => number | undefined,
): ReadonlyMap<number, number> {
  const depths = new Map<string, number>();
  const table = new Map<number, number>();
  for (const node of graph.nodes) {
    const depth = Math.max(-1, ...node.inputs.map((name) => depths.get(name) ?? depthOf(name) ?? -1));
    for (const output of node.outputs) depths.set(output, depth);
    const work = productWork(node, (name) => graph.types.get(name)?.shape ?? []);
    if (work !== undefined) table.set(depth, (table.get(depth) ?? 0) + work.operations);
  }
  return table;
}
