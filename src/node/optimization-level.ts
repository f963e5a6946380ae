import type { StaticGraph } from '../graph/graph.ts';

/**
 * Operators of which onnxruntime makes much faster ones beyond its basic optimisations: convolutions and pools in blocks of
 * channels, 8-bit products; and those that hold graphs of their own. Norms and activations written in their parts it
 * makes whole at its basic level already.
 *
 * https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html
 */
const IMPROVED = /Conv|Pool|Dequantize|DynamicQuantize|Integer$|QLinear|^(If|Loop|Scan)$/;

/**
 * How far onnxruntime is to optimise a graph: `basic` where more gains nothing, which makes a session in two thirds of
 * the time.
 */
export function optimizationLevel({ nodes }: StaticGraph): 'basic' | 'all' {
  return nodes.some(({ opType }) => IMPROVED.test(opType)) ? 'all' : 'basic';
}
