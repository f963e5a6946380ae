import { intAttribute, intsAttribute, stringAttribute } from '../graph/attributes.ts';
import { int, type Node } from '../graph/graph.ts';
import { type Shape, sizeOf } from '../tensor.ts';
import type {
  EvaluateContext,
  GradientContext,
  GradientRule,
  OpDefinition,
  OpFamily,
  TypeContext,
} from './definition.ts';
import { cropped, inputGradient, type KernelFactors, kernelGradient } from './kernel-gradient.ts';
import { sumKeeping } from './reductions.ts';
import { requiredType, shapeError } from './shapes.ts';
import {
  reach,
  splitPadding,
  type Windows,
  windowAttributes,
  windowCounts,
  windowReads,
  windowsOf,
} from './windows.ts';

const groupsOf = (node: Node): number => intAttribute(node, 'group', 1);

/** The types of X `[n, c, …]` and W. @throws `graph/shape` where they do not belong together. */
function operands(c: TypeContext, channelsOf: (w: Shape, groups: number) => number) {
  const [x, w] = [requiredType(c, 0), requiredType(c, 1)];
  const channels = channelsOf(w.shape, groupsOf(c.node));
  if (x.shape.length < 3 || w.shape.length !== x.shape.length || x.shape[1] !== channels) {
    throw shapeError(c.node, `X [n, ${channels}, …] for W [${w.shape}]`, `[${x.shape}]`);
  }
  const filters = w.shape[0] ?? 0;
  if (filters % groupsOf(c.node) !== 0) {
    throw shapeError(c.node, `a number of filters that ${groupsOf(c.node)} groups share`, `${filters}`);
  }
  return { dtype: x.dtype, x: x.shape, w: w.shape };
}

/** dB = g summed over all axes but the channels. */
const biasGradient: GradientRule = (c) => {
  const axes = c.g.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
  return c.reshape(sumKeeping(c, c.g, axes), c.x.shape);
};

/** Conv's W is `[filters, channels / groups, …kernel]`. */
function convGeometry(c: TypeContext) {
  const { dtype, x, w } = operands(c, (shape, groups) => (shape[1] ?? 0) * groups);
  const windows = windowsOf(c.node, x.slice(2), w);
  const counts = windowCounts(c.node, x.slice(2), windows);
  return { dtype, x, w, windows, counts, shape: [x[0] ?? 0, w[0] ?? 0, ...counts] };
}

const typesOf = ({ node, input }: GradientContext): TypeContext => ({ node, inputs: [input(0), input(1)] });

/** What the gradient of a Conv's weight is made of. */
export const convFactors = (c: GradientContext): KernelFactors => ({
  input: c.input(0),
  cotangent: c.g,
  windows: convGeometry(typesOf(c)).windows,
  groups: groupsOf(c.node),
});

const conv: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = convGeometry(c);
    return [{ dtype, shape }];
  },
  evaluate: (c) => {
    const { dtype, x, w, windows, counts, shape } = convGeometry(c);
    const data = new Float64Array(sizeOf(shape));
    const reads = windowReads(x.slice(2), counts, windows);
    forEachProduct(x, w, reads, counts, groupsOf(c.node), (xAt, wAt, yAt) => {
      data[yAt] = (data[yAt] ?? 0) + (c.inputs[0]?.data[xAt] ?? 0) * (c.inputs[1]?.data[wAt] ?? 0);
    });
    return [{ dtype, shape, data: addBias(c, data, shape) }];
  },
  gradients: [
    (c) => inputGradient(c, c.g, c.input(1), c.x.shape, convGeometry(typesOf(c)).windows, groupsOf(c.node)),
    (c) => kernelGradient(c, convFactors(c)),
    biasGradient,
  ],
};

/**
 * Every product of a convolution with the flat positions of its factors and of the sum it belongs to, for X
 * `[n, c, …]`, W `[f, c / groups, …]` and Y `[n, f, …]`.
 */
function forEachProduct(
  x: Shape,
  w: Shape,
  reads: Int32Array,
  counts: Shape,
  groups: number,
  visit: (xAt: number, wAt: number, yAt: number) => void,
): void {
  const [n = 0, channels = 0] = x;
  const [filters = 0, depth = 0] = w;
  const [area, windows, kernelSize] = [sizeOf(x.slice(2)), sizeOf(counts), sizeOf(w.slice(2))];
  for (let image = 0; image < n; image++) {
    for (let filter = 0; filter < filters; filter++) {
      const first = Math.floor(filter / (filters / groups)) * depth;
      for (let d = 0; d < depth; d++) {
        const plane = (image * channels + first + d) * area;
        for (let at = 0; at < reads.length; at++) {
          const read = reads[at] ?? -1;
          if (read < 0) continue;
          const wAt = (filter * depth + d) * kernelSize + (at % kernelSize);
          visit(plane + read, wAt, (image * filters + filter) * windows + Math.floor(at / kernelSize));
        }
      }
    }
  }
}

function addBias(c: EvaluateContext, data: Float64Array, [, channels = 1, ...rest]: Shape): Float64Array {
  const bias = c.inputs[2]?.data;
  const area = sizeOf(rest);
  return bias === undefined ? data : data.map((y, i) => y + (bias[Math.floor(i / area) % channels] ?? 0));
}

/** ConvTranspose's W is `[channels, filters / groups, …kernel]`: that of the Conv whose X has this node's Y's shape. */
function transposeGeometry(c: TypeContext) {
  const { dtype, x, w } = operands(c, (shape) => shape[0] ?? 0);
  const extents = x.slice(2);
  const explicit = intsAttribute(c.node, 'output_padding') ?? extents.map(() => 0);
  const { auto_pad: _, ...attributes } = c.node.attributes;
  const unpadded = windowsOf({ ...c.node, attributes }, extents, w);
  const { kernel, strides, dilations } = unpadded;
  const whole = extents.map(
    (extent, axis) =>
      (extent - 1) * (strides[axis] ?? 1) +
      (explicit[axis] ?? 0) +
      reach(kernel[axis] ?? 1, dilations[axis] ?? 1),
  );
  const windows = { ...unpadded, ...transposePadding(c.node, extents, whole, unpadded) };
  const counts = whole.map((n, axis) => n - (windows.before[axis] ?? 0) - (windows.after[axis] ?? 0));
  const shape = [x[0] ?? 0, (w[1] ?? 0) * groupsOf(c.node), ...counts];
  return { dtype, x, w, windows, shape };
}

/** What is cut off the whole result: by `output_shape`, by `auto_pad`, else `pads`. */
function transposePadding(
  node: Node,
  extents: Shape,
  whole: Shape,
  explicit: Windows,
): Pick<Windows, 'before' | 'after'> {
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const given = intsAttribute(node, 'output_shape')?.slice(-extents.length);
  if (given === undefined && mode === 'NOTSET') return explicit;
  if (given === undefined && mode === 'VALID')
    return splitPadding(
      node,
      'SAME_UPPER',
      extents.map(() => 0),
    );
  const wanted = given ?? extents.map((extent, axis) => extent * (explicit.strides[axis] ?? 1));
  const total = whole.map((n, axis) => n - (wanted[axis] ?? 0));
  if (total.some((n) => n < 0)) throw shapeError(node, `an output of at most [${whole}]`, `[${wanted}]`);
  return splitPadding(node, mode === 'SAME_UPPER' ? 'SAME_UPPER' : 'SAME_LOWER', total);
}

/** The same of the convolution that a ConvTranspose is the transpose of: input and cotangent have changed places. */
export const convTransposeFactors = (c: GradientContext): KernelFactors => ({
  input: c.g,
  cotangent: c.input(0),
  windows: transposeGeometry(typesOf(c)).windows,
  groups: groupsOf(c.node),
});

const convTranspose: OpDefinition = {
  infer: (c) => {
    const { dtype, shape } = transposeGeometry(c);
    return [{ dtype, shape }];
  },
  evaluate: (c) => {
    const { dtype, x, w, windows, shape } = transposeGeometry(c);
    const data = new Float64Array(sizeOf(shape));
    const reads = windowReads(shape.slice(2), x.slice(2), windows);
    forEachProduct(shape, w, reads, x.slice(2), groupsOf(c.node), (yAt, wAt, xAt) => {
      data[yAt] = (data[yAt] ?? 0) + (c.inputs[0]?.data[xAt] ?? 0) * (c.inputs[1]?.data[wAt] ?? 0);
    });
    return [{ dtype, shape, data: addBias(c, data, shape) }];
  },
  gradients: [
    // dX: the convolution that this one is the transpose of
    (c) => {
      const { windows } = transposeGeometry(typesOf(c));
      const { kernel_shape: _, ...attributes } = windowAttributes(windows);
      const y = c.op('Conv', [c.g, c.input(1)], { ...attributes, group: int(groupsOf(c.node)) });
      return cropped(c, y, c.x.shape);
    },
    (c) => kernelGradient(c, convTransposeFactors(c)),
    biasGradient,
  ],
};

export const convolution: OpFamily<'Conv' | 'ConvTranspose'> = { Conv: conv, ConvTranspose: convTranspose };
