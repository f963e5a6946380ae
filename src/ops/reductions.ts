import { intAttribute } from '../graph/attributes.ts';
import type { Node } from '../graph/graph.ts';
import { int64, type Shape, sizeOf } from '../tensor.ts';
import type { GradientContext, InferContext, OpDefinition, OpFamily, Value } from './definition.ts';
import { knownNumbers, normalizeAxis, offsets, requiredArray, requiredType, stridesOf } from './shapes.ts';

/** The axes that a reduction sums over: its second input; all of them where it has none. */
function reducedAxes(axes: readonly number[] | undefined, shape: Shape, node: Node): readonly number[] {
  if (axes === undefined || axes.length === 0) {
    return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? [] : shape.map((_, axis) => axis);
  }
  return axes.map((axis) => normalizeAxis(axis, shape.length, node));
}

function resultShape(node: Node, shape: Shape, axes: readonly number[]): Shape {
  const keep = intAttribute(node, 'keepdims', 1) === 1;
  const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return keep ? kept : kept.filter((_, axis) => !axes.includes(axis));
}

/** A sum over axes, each term weighted by `weight` of the number of terms. */
function reduction(weight: (terms: number) => number): OpDefinition {
  return {
    infer: (c: InferContext) => {
      const { dtype, shape } = requiredType(c, 0);
      const axes = reducedAxes(c.inputs[1] === undefined ? undefined : knownNumbers(c, 1), shape, c.node);
      return [{ dtype, shape: resultShape(c.node, shape, axes) }];
    },
    evaluate: (c) => {
      const { dtype, shape, data } = requiredArray(c, 0);
      const given = c.inputs[1];
      const axes = reducedAxes(given === undefined ? undefined : Array.from(given.data), shape, c.node);
      const kept = shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
      const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
      const sums = new Float64Array(sizeOf(kept));
      const targets = offsets(shape, strides);
      for (let i = 0; i < targets.length; i++) {
        const target = targets[i] ?? 0;
        sums[target] = (sums[target] ?? 0) + (data[i] ?? 0);
      }
      const factor = weight(sizeOf(shape) / Math.max(sizeOf(kept), 1));
      return [{ dtype, shape: resultShape(c.node, shape, axes), data: sums.map((sum) => sum * factor) }];
    },
    // dx = g·weight, spread over the axes again
    gradients: [
      (c) => {
        const { g, x, op, constant, reshape } = c;
        const axes = axesOf(c);
        const kept = x.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
        const aligned = reshape(g, kept);
        const factor = weight(sizeOf(x.shape) / Math.max(sizeOf(kept), 1));
        const scaled = factor === 1 ? aligned : op('Mul', [aligned, factor]);
        return op('Expand', [scaled, constant(int64([x.shape.length], x.shape))]);
      },
      null,
    ],
  };
}

function axesOf({ node, x, input, known }: GradientContext): readonly number[] {
  const name = node.inputs[1];
  const tensor = name === undefined || name === '' ? undefined : known(input(1));
  return reducedAxes(tensor && Array.from<number | bigint, number>(tensor.data, Number), x.shape, node);
}

/** Σ over the last axes `axes`, which are kept with extent 1. */
export function sumKeeping(c: GradientContext, x: Value, axes: readonly number[]): Value {
  return c.op('ReduceSum', [x, c.constant(int64([axes.length], axes))]);
}

export const reductions: OpFamily<'ReduceMean' | 'ReduceSum'> = {
  ReduceMean: reduction((terms) => 1 / terms),
  ReduceSum: reduction(() => 1),
};
