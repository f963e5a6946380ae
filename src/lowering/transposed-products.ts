import { intsAttribute } from '../graph/attributes.ts';
import { int, ints, type Node, type StaticGraph } from '../graph/graph.ts';
import { prune } from '../graph/topology.ts';
import type { TensorType } from '../tensor.ts';

/** A product's operand: read as it lies, or with its last two axes swapped. */
interface Operand {
  readonly value: string;
  readonly isSwapped: boolean;
}

/**
 * The same graph with onnxruntime's FusedMatMul in place of each MatMul beside a Transpose that moves the innermost axis:
 * onnxruntime's CPU kernel writes such a transposition number by number. What is left of it moves whole rows, which are
 * copied, and FusedMatMul reads an operand either way.
 *
 * Attention asks for Kᵀ, Vᵀ and Qᵀ by a Transpose `[0, 2, 3, 1]` of `[batch, positions, heads, size]`, and gets dKᵀ.
 *
 * @see https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedMatMul
 */
export function withTransposedProducts(graph: StaticGraph): StaticGraph {
  const types = new Map(graph.types);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const followers = onlyTransposes(graph);
  const replaced = new Set<Node>();
  const nodes: Node[] = [];
  /** Transposes that are there already, by what they do. */
  const transposed = new Map<string, string>();

  const add = (node: Node): void => {
    nodes.push(node);
    const perm = permOf(node);
    if (perm !== undefined) transposed.set(`${node.inputs[0]} ${perm}`, node.outputs[0] ?? '');
  };
  const inOrder = (x: string, perm: readonly number[]): string => {
    if (perm.every((axis, i) => axis === i)) return x;
    const existing = transposed.get(`${x} ${perm}`);
    if (existing !== undefined) return existing;
    const name = `${x}/axes/${perm.join('/')}`;
    types.set(name, permuted(types.get(x), perm));
    add({ name, opType: 'Transpose', inputs: [x], outputs: [name], attributes: { perm: ints(perm) } });
    return name;
  };
  const operand = (value: string): Operand => {
    const { source, perm } = sourceOf(value, makers, graph.types.get(value)?.shape.length ?? 0);
    const isSwapped = perm.at(-2) === perm.length - 1;
    return { value: inOrder(source, isSwapped ? swapLast(perm) : perm), isSwapped };
  };

  for (const node of graph.nodes) {
    if (replaced.has(node)) continue;
    if (!isStackOfFloats(node, graph.types)) {
      add(node);
      continue;
    }
    const [y = ''] = node.outputs;
    const [left, right] = [operand(node.inputs[0] ?? ''), operand(node.inputs[1] ?? '')];
    const next = followers.get(y);
    const perm = next && permOf(next);
    if (next !== undefined && perm !== undefined && perm.at(-1) === perm.length - 2) {
      // (L·R)ᵀ = Rᵀ·Lᵀ
      add(product(node, flipped(right), flipped(left)));
      const order = swapLast([...perm.keys()]);
      types.set(y, permuted(types.get(y), order));
      const rest = { ...next, attributes: { perm: ints(perm.map((axis) => order[axis] ?? axis)) } };
      add(rest);
      for (const output of next.outputs) makers.set(output, rest);
      replaced.add(next);
    } else {
      const isPlain = !left.isSwapped && !right.isSwapped;
      add(isPlain ? { ...node, inputs: [left.value, right.value] } : product(node, left, right));
    }
  }
  return prune({ ...graph, nodes, types });
}

/** A product of two stacks of float32 matrices, of one rank: what FusedMatMul's kernel takes. */
function isStackOfFloats({ opType, inputs }: Node, types: StaticGraph['types']): boolean {
  if (opType !== 'MatMul') return false;
  const [a, b] = inputs.map((name) => types.get(name));
  const rank = a?.shape.length ?? 0;
  return rank >= 3 && b?.shape.length === rank && a?.dtype === 'float32';
}

/** The order that a Transpose puts axes in. */
function permOf(node: Node): readonly number[] | undefined {
  return node.opType === 'Transpose' ? intsAttribute(node, 'perm') : undefined;
}

/** What Transposes, one after another, make a value of, and in which order of axes. */
function sourceOf(
  value: string,
  makers: ReadonlyMap<string, Node>,
  rank: number,
): { readonly source: string; readonly perm: readonly number[] } {
  const maker = makers.get(value);
  const perm = maker && permOf(maker);
  if (maker === undefined || perm === undefined) return { source: value, perm: [...Array(rank).keys()] };
  const below = sourceOf(maker.inputs[0] ?? '', makers, rank);
  return { source: below.source, perm: perm.map((axis) => below.perm[axis] ?? axis) };
}

/** The Transpose that alone reads a value, by the value. */
function onlyTransposes({ nodes, outputs }: StaticGraph): ReadonlyMap<string, Node> {
  const reads = [...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)];
  const counts = new Map<string, number>();
  for (const name of reads) counts.set(name, (counts.get(name) ?? 0) + 1);
  const transposes = nodes.filter(({ opType }) => opType === 'Transpose');
  return new Map(
    transposes.flatMap((node) => node.inputs.flatMap((x) => (counts.get(x) === 1 ? [[x, node]] : []))),
  );
}

function product(node: Node, left: Operand, right: Operand): Node {
  return {
    ...node,
    opType: 'com.microsoft.FusedMatMul',
    inputs: [left.value, right.value],
    attributes: { transA: int(Number(left.isSwapped)), transB: int(Number(right.isSwapped)) },
  };
}

function flipped({ value, isSwapped }: Operand): Operand {
  return { value, isSwapped: !isSwapped };
}

function swapLast(perm: readonly number[]): readonly number[] {
  return [...perm.slice(0, -2), ...perm.slice(-2).reverse()];
}

function permuted(type: TensorType | undefined, perm: readonly number[]): TensorType {
  const { dtype = 'float32', shape = [] } = type ?? {};
  return { dtype, shape: perm.map((axis) => shape[axis] ?? 1) };
}
