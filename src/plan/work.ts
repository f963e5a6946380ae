import { intAttribute } from '../graph/attributes.ts';
import type { Node, StaticGraph } from '../graph/graph.ts';
import { productWork } from '../lowering/flops.ts';
import { type Shape, sizeOf } from '../tensor.ts';

/**
 * Kinds of work, each with a speed of its own on a machine: floating-point operations of matrix products, large and
 * small (as in attention), elements that others write or read, numbers that are picked one by one, and nodes, each of which
 * costs something to start.
 */
export const workKinds = [
  'product',
  'smallProduct',
  'elementwise',
  'transcendental',
  'normalization',
  'reduction',
  'movement',
  'transpose',
  'pick',
  'scatter',
  'node',
] as const;

export type WorkKind = (typeof workKinds)[number];

/** So much of each kind. */
export type Work = Readonly<Record<WorkKind, number>>;

/** A matrix product counts as small below this many operations a matrix. */
const SMALL_PRODUCT = 1 << 22;

const transcendental = new Set([
  'Erf',
  'Exp',
  'Log',
  'Pow',
  'Sigmoid',
  'Tanh',
  'Softmax',
  'LogSoftmax',
  'Gelu',
]);
const movement = new Set(['Concat', 'Expand', 'Gather', 'GatherElements', 'Pad', 'Slice', 'Split', 'Tile']);
const free = new Set(['Constant', 'Flatten', 'Identity', 'Reshape', 'Shape', 'Squeeze', 'Unsqueeze']);

/** What running a graph once takes. */
export function graphWork(graph: StaticGraph): Work {
  const work: Record<WorkKind, number> = { ...noWork };
  for (const node of graph.nodes) {
    const [kind, amount] = nodeWork(node, (name) => graph.types.get(name)?.shape ?? []);
    work[kind] += amount;
    if (kind !== 'node') work.node += 1;
  }
  return work;
}

/** Nothing to do. */
export const noWork: Work = {
  product: 0,
  smallProduct: 0,
  elementwise: 0,
  transcendental: 0,
  normalization: 0,
  reduction: 0,
  movement: 0,
  transpose: 0,
  pick: 0,
  scatter: 0,
  node: 0,
};

/** The kind and amount of one node's work, by the shapes of its values. */
export function nodeWork(node: Node, shapeOf: (name: string) => Shape): [WorkKind, number] {
  const { opType, inputs, outputs } = node;
  const written = outputs.reduce((sum, name) => sum + (name === '' ? 0 : sizeOf(shapeOf(name))), 0);
  const read = inputs.length === 0 ? 0 : sizeOf(shapeOf(inputs[0] ?? ''));
  const product = productWork(node, shapeOf);
  if (product !== undefined) {
    const { operations, matrices } = product;
    return [operations / Math.max(1, matrices) < SMALL_PRODUCT ? 'smallProduct' : 'product', operations];
  }
  if (free.has(opType)) return ['node', 1];
  if (transcendental.has(opType)) return ['transcendental', written];
  if (opType.endsWith('Normalization')) return ['normalization', read];
  if (opType.startsWith('Reduce')) return ['reduction', read];
  if (opType.startsWith('Scatter')) return ['scatter', sizeOf(shapeOf(inputs[2] ?? '')) + written];
  if (opType === 'Transpose') return ['transpose', written];
  if (picks(node, shapeOf)) return ['pick', written];
  if (movement.has(opType)) return ['movement', written];
  return ['elementwise', written];
}

/** Whether a node looks numbers up one by one, rather than rows of them. */
function picks(node: Node, shapeOf: (name: string) => Shape): boolean {
  if (node.opType === 'GatherElements' || node.opType === 'GatherND') return true;
  if (node.opType !== 'Gather') return false;
  const shape = shapeOf(node.inputs[0] ?? '');
  const axis = intAttribute(node, 'axis', 0);
  return (axis < 0 ? axis + shape.length : axis) === shape.length - 1;
}
