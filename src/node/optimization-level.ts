import type { Node, StaticGraph } from '../graph/graph.ts';
import { producers } from '../graph/topology.ts';

/**
 * Operators of which onnxruntime makes much faster ones beyond its basic optimisations: convolutions and pools in blocks of
 * channels, 8-bit products; and those that hold graphs of their own.
 *
 * https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html
 */
const IMPROVED = /Conv|Pool|Dequantize|DynamicQuantize|Integer$|QLinear|^(If|Loop|Scan)$/;

/** Operators that norms and activations written in their parts have, which the basic level makes whole. */
const PARTS = /^(Pow|Sqrt|Reciprocal|Sigmoid)$/;

/**
 * How far onnxruntime is to optimise a graph: only as far as that gains anything, for a session is made in two thirds of
 * the time at its basic level, and in half of it without optimisations. Constants are known before.
 */
export function optimizationLevel(graph: StaticGraph): 'disabled' | 'basic' | 'all' {
  const { nodes } = graph;
  const has = (pattern: RegExp): boolean => nodes.some(({ opType }) => pattern.test(opType));
  if (has(IMPROVED)) return 'all';
  // Where there is a whole GELU, Erf is of its derivative.
  const isInParts = has(PARTS) || (has(/^Erf$/) && !has(/Gelu$/)) || hasBareProduct(graph);
  return isInParts ? 'basic' : 'disabled';
}

/** Whether a vector is added to a product that could add it itself, as Gemm does. */
function hasBareProduct({ nodes, types }: StaticGraph): boolean {
  const makers = producers(nodes);
  const isVector = (name: string): boolean => types.get(name)?.shape.length === 1;
  const isProduct = (name: string): boolean => makers.get(name)?.opType === 'MatMul';
  const isBare = ({ opType, inputs }: Node): boolean =>
    opType === 'Add' && inputs.some(isProduct) && inputs.some(isVector);
  return nodes.some(isBare);
}
